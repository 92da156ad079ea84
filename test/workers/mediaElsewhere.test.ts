import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";

let deployment: TestDeployment;
const directory = mkdtempSync(join(tmpdir(), "synapse-ts-media-"));
const MIB = 1 << 20;

beforeAll(async () => {
  deployment = await startDeployment({
    workers: ["worker1", "media1"],
    shared: { enable_media_repo: false, media_store_path: directory, max_upload_size: "300M" },
    own: { media1: { worker_app: "synapse.app.media_repository" } },
  });
});
afterAll(async () => {
  await deployment?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Asked {
  readonly at?: string;
  readonly token?: string;
  readonly body?: RequestInit["body"];
  readonly headers?: Readonly<Record<string, string>>;
}

const ask = (method: string, path: string, { at = "worker1", token, body, headers }: Asked = {}): Promise<Response> =>
  fetch(deployment.url(at) + path, {
    method,
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body, duplex: "half" }),
  } as RequestInit);

async function upload(asked: Asked): Promise<string> {
  const answer = await ask("POST", "/_matrix/media/v3/upload?filename=a.txt", asked);
  expect(answer.status).toBe(200);
  const { content_uri: uri } = (await answer.json()) as { content_uri: string };
  return `/_matrix/client/v1/media/download/${uri.replace("mxc://", "")}`;
}

const errorOf = async (answer: Response): Promise<[number, string]> => [
  answer.status,
  ((await answer.json()) as { errcode: string }).errcode,
];

test("any process takes and gives media, by way of the one that has them", async () => {
  const { token } = await deployment.user("alice");
  for (const at of ["worker1", "main"]) {
    const path = await upload({ at, token, body: "0123456789", headers: { "content-type": "text/plain" } });
    const whole = await ask("GET", path, { at, token });
    expect([whole.status, await whole.text()]).toEqual([200, "0123456789"]);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      "content-type": "text/plain; charset=UTF-8",
      "content-length": "10",
      "content-disposition": "inline; filename=a.txt",
      "content-security-policy": expect.stringMatching(/^sandbox/),
    });
    const part = await ask("GET", path, { at, token, headers: { range: "bytes=2-4" } });
    expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([206, "234", "bytes 2-4/10"]);
    const head = await ask("HEAD", path, { at, token });
    expect([head.status, await head.text(), head.headers.get("content-length")]).toEqual([200, "", "10"]);
    const known = await ask("GET", path, { at, token, headers: { "if-none-match": head.headers.get("etag") ?? "" } });
    expect([known.status, await known.text()]).toEqual([304, ""]);
    expect(await errorOf(await ask("GET", path, { at }))).toEqual([401, "M_MISSING_TOKEN"]);
    expect(await errorOf(await ask("GET", `${path}x`, { at, token }))).toEqual([404, "M_NOT_FOUND"]);
    expect(await errorOf(await ask("GET", path.replace("download", "thumbnail"), { at, token }))).toEqual([400, "M_MISSING_PARAM"]);
    expect(await (await ask("GET", "/_matrix/client/v1/media/config", { at, token })).json()).toEqual({ "m.upload.size": 300 * MIB });
  }
});

test("refusals come before a body that nobody reads, and when it turns out to be too long", async () => {
  const { token } = await deployment.user("bob");
  const body = (): ReadableStream => {
    let left = 310;
    return new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(MIB)) : controller.close()),
    });
  };
  expect(await errorOf(await ask("POST", "/_matrix/media/v3/upload", { token: "nobody's", body: randomBytes(MIB) }))).toEqual([
    401,
    "M_UNKNOWN_TOKEN",
  ]);
  expect(await errorOf(await ask("PUT", "/_matrix/media/v3/upload/test.local/abc", { token, body: "x" }))).toEqual([404, "M_NOT_FOUND"]);
  const tooLong = await ask("POST", "/_matrix/media/v3/upload", { token, body: body() }).catch(() => undefined);
  if (tooLong) expect(await errorOf(tooLong)).toEqual([413, "M_TOO_LARGE"]);
});

const residentMib = (name: string): number => {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${deployment.process(name).pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
};

test("a large file goes through without lying in memory", async () => {
  const { token } = await deployment.user("carol");
  const chunk = randomBytes(MIB);
  const stream = (): ReadableStream => {
    let left = 256;
    return new ReadableStream({ pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()) });
  };
  await upload({ token, body: chunk });
  const before = residentMib("worker1");
  const path = await upload({ token, body: stream() });
  const answer = await ask("GET", path, { token });
  let length = 0;
  for await (const part of answer.body ?? []) length += (part as Uint8Array).length;
  expect(length).toBe(256 * MIB);
  expect(residentMib("worker1") - before).toBeLessThan(128);
});

test("while no process has media the answer says so, and one that comes back is found", async () => {
  const { token } = await deployment.user("dave");
  const path = await upload({ token, body: "still here" });
  await deployment.process("media1").kill();
  const [status, errcode] = await errorOf(await ask("GET", path, { token }));
  expect([502, 503]).toContain(status);
  expect(errcode).toBe("M_UNKNOWN");
  await eventually(async () => (await ask("GET", path, { token })).status === 503);
  await deployment.start("media1");
  await eventually(async () => (await ask("GET", path, { token })).status === 200);
});
