import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import { createMediaServer } from "./harness";
import type { MediaServer } from "./harness";

const directory = mkdtempSync(join(tmpdir(), "synapse-ts-s3-"));
const bucket = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory, configureBuckets: [{ name: "media", configs: [] }] });
let endpoint: string;
beforeAll(async () => {
  endpoint = `http://127.0.0.1:${((await bucket.run()) as AddressInfo).port}`;
});
afterAll(async () => {
  await bucket.close();
  rmSync(directory, { recursive: true });
});

function provider(config: Record<string, unknown> = {}, rules: Record<string, unknown> = {}) {
  const keys = { access_key_id: "S3RVER", secret_access_key: "S3RVER", endpoint_url: endpoint, region_name: "eu-west-1" };
  return {
    module: "s3_storage_provider.S3StorageProviderBackend",
    store_local: true,
    store_remote: true,
    store_synchronous: true,
    ...rules,
    config: { bucket: "media", prefix: "matrix", ...keys, ...config },
  };
}

const path = (id: string): string => `/_matrix/client/v1/media/download/${id}`;
const forget = (server: MediaServer): void => server.files().forEach((file) => rmSync(join(server.directory, file)));

test("a bucket has a copy, gives it back, and loses what is deleted", async () => {
  const server = await createMediaServer({ media_storage_providers: [provider()] });
  const token = await server.token("alice");
  const body = Buffer.alloc(1_500_000, "synapse");
  const id = await server.upload(token, body, { type: "application/octet-stream" });
  forget(server);
  const answer = await server.raw("GET", path(id), { token });
  expect([answer.status, Buffer.from(await answer.arrayBuffer()).equals(body)]).toEqual([200, true]);
  // What was brought back lies here again.
  expect(server.files()).toHaveLength(1);

  await server.app.db`update users set admin = true where user_id = '@alice:test.local'`;
  server.app.accounts.forgetAccount("@alice:test.local");
  expect((await server.call("DELETE", `/_synapse/admin/v1/media/${id}`, undefined, token)).status).toBe(200);
  expect(server.files()).toEqual([]);
  expect((await server.raw("GET", path(id), { token })).status).toBe(404);
  await server.close();
});

test("what no store has is not found", async () => {
  const server = await createMediaServer({ media_storage_providers: [provider({}, { store_local: false })] });
  const token = await server.token("alice");
  const id = await server.upload(token, Buffer.from("here only"));
  forget(server);
  expect((await server.raw("GET", path(id), { token })).status).toBe(404);
  await server.close();
});

test("a bucket that refuses makes an upload fail only where it is waited for", async () => {
  const refusing = { bucket: "absent" };
  const waiting = await createMediaServer({ media_storage_providers: [provider(refusing)] });
  const upload = (server: MediaServer, token: string) =>
    server.raw("POST", "/_matrix/media/v3/upload", { token, headers: { "content-type": "text/plain" }, body: "kept" });
  expect((await upload(waiting, await waiting.token("alice"))).status).toBe(500);
  await waiting.close();

  const later = await createMediaServer({ media_storage_providers: [provider(refusing, { store_synchronous: false })] });
  const token = await later.token("bob");
  const { content_uri: uri } = (await (await upload(later, token)).json()) as { content_uri: string };
  expect(await (await later.raw("GET", path(uri.replace("mxc://", "")), { token })).text()).toBe("kept");
  await later.close();
});
