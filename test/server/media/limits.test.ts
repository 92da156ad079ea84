import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMediaServer, download } from "./harness";
import type { MediaServer } from "./harness";

let server: MediaServer;
let alice: string;

beforeAll(async () => {
  server = await createMediaServer({
    max_avatar_size: 50,
    allowed_avatar_mimetypes: ["image/png"],
    media_upload_limits: [{ time_period: 3_600_000, max_size: 200 }],
    enable_authenticated_media: false,
  });
  alice = await server.token("alice");
});
afterAll(() => server.close());

test("a picture must be of an allowed kind and size", async () => {
  const set = async (uri: string): Promise<number> =>
    (await server.call("PUT", "/profile/@alice:test.local/avatar_url", { avatar_url: uri }, alice)).status;
  const upload = async (size: number, type: string): Promise<string> =>
    `mxc://${await server.upload(alice, Buffer.alloc(size, "a"), { type })}`;
  expect(await set(await upload(50, "image/png"))).toBe(200);
  expect(await set(await upload(51, "image/png"))).toBe(403);
  expect(await set(await upload(5, "image/gif"))).toBe(403);
  expect(await set("mxc://other.example/abc")).toBe(403);
  expect(await set("")).toBe(200);
});

test("so many bytes in so much time", async () => {
  const post = (size: number): Promise<Response> =>
    server.raw("POST", "/_matrix/media/v3/upload", { token: alice, body: Buffer.alloc(size, "b") });
  expect((await post(90)).status).toBe(200);
  const refused = await post(30);
  expect([refused.status, ((await refused.json()) as { errcode: string }).errcode]).toEqual([400, "M_RESOURCE_LIMIT_EXCEEDED"]);
  expect((await post(1)).status).toBe(200);
});

test("without the freeze anybody sees everything", async () => {
  const bob = await server.token("bob");
  const id = await server.upload(bob, Buffer.from("open"));
  expect((await server.raw("GET", download(id).replace("client/v1/media", "media/r0"))).status).toBe(200);
});

test("a second store has a copy, and gives it back", async () => {
  const second = mkdtempSync(join(tmpdir(), "synapse-ts-second-"));
  const provider = {
    module: "file_system",
    store_local: true,
    store_remote: false,
    store_synchronous: true,
    config: { directory: second },
  };
  const other = await createMediaServer({ media_storage_providers: [provider] });
  const token = await other.token("carol");
  const id = await other.upload(token, Buffer.from("twice"));
  for (const file of other.files()) rmSync(join(other.directory, file));
  expect(await (await other.raw("GET", download(id), { token })).text()).toBe("twice");
  expect(other.files()).toHaveLength(1);
  await other.close();
  rmSync(second, { recursive: true });
});
