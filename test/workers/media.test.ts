import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";

let deployment: TestDeployment;
const directory = mkdtempSync(join(tmpdir(), "synapse-ts-media-"));

beforeAll(async () => {
  deployment = await startDeployment({ workers: ["worker1"], shared: { media_store_path: directory } });
});
afterAll(async () => {
  await deployment?.close();
  rmSync(directory, { recursive: true, force: true });
});

test("an id given out by one process is filled at another, and whoever waits at the first gets it", async () => {
  const alice = await deployment.user("alice");
  const authorization = `Bearer ${alice.token}`;
  const call = (at: string, method: string, path: string, body?: string): Promise<Response> =>
    fetch(deployment.url(at) + path, { method, headers: { authorization }, ...(body !== undefined && { body }) });
  const created = (await (await call("main", "POST", "/_matrix/media/v1/create")).json()) as { content_uri: string };
  const id = created.content_uri.replace("mxc://", "");
  const waiting = call("main", "GET", `/_matrix/client/v1/media/download/${id}?timeout_ms=60000`);
  const puts = await Promise.all(["worker1", "main"].map((at) => call(at, "PUT", `/_matrix/media/v3/upload/${id}`, `from ${at}`)));
  expect(puts.map(({ status }) => status).sort()).toEqual([200, 409]);
  const winner = puts[0]?.status === 200 ? "from worker1" : "from main";
  expect(await (await waiting).text()).toBe(winner);
  expect(await (await call("worker1", "GET", `/_matrix/client/v1/media/download/${id}`)).text()).toBe(winner);
});
