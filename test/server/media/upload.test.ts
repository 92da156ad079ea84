import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createMediaServer, download, openDownload } from "./harness";
import type { MediaServer, RequestBody } from "./harness";
import { eventually } from "../../builders/eventually";

let server: MediaServer;
let alice: string;
let bob: string;

beforeAll(async () => {
  server = await createMediaServer({ max_upload_size: 100_000, enable_authenticated_media: true, max_pending_media_uploads: 2 });
  [alice, bob] = [await server.token("alice"), await server.token("bob")];
});
afterAll(() => server.close());

const text = Buffer.from("hello media");

test("what is uploaded comes back as it was, safe to look at", async () => {
  const id = await server.upload(alice, text, { type: "text/plain", name: "héllo wörld.txt" });
  expect(id).toMatch(/^test\.local\/[A-Za-z]{24}$/);
  const answer = await server.raw("GET", download(id), { token: bob });
  expect(answer.status).toBe(200);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(text);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-type": "text/plain; charset=UTF-8",
    "content-length": String(text.length),
    "content-disposition": "inline; filename*=utf-8''h%C3%A9llo%20w%C3%B6rld.txt",
    "content-security-policy": expect.stringMatching(/^sandbox; default-src 'none'/),
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
    "cache-control": expect.stringContaining("immutable"),
  });
  const renamed = await server.raw("GET", `${download(id)}/other.txt`, { token: bob });
  expect(renamed.headers.get("content-disposition")).toBe("inline; filename=other.txt");
  const [, mediaId = ""] = id.split("/");
  expect(server.files()).toContain(`local_content/${mediaId.slice(0, 2)}/${mediaId.slice(2, 4)}/${mediaId.slice(4)}`);
});

test.each([
  ["text/html", "attachment", "text/html; charset=UTF-8"],
  ["image/svg+xml", "attachment", "image/svg+xml"],
  ["Image/PNG", "inline", "Image/PNG"],
  ["text/html;charset=utf-7", "attachment", "text/html;charset=utf-7"],
  ["nonsense", "attachment", "application/octet-stream"],
  ["application/pdf", "attachment", "application/pdf"],
])("%s is %s", async (type, disposition, served) => {
  const id = await server.upload(alice, text, { type });
  const answer = await server.raw("GET", download(id), { token: bob });
  expect([answer.headers.get("content-disposition"), answer.headers.get("content-type")]).toEqual([disposition, served]);
});

test.each([
  ['a";\r\nX-Evil: 1', "attachment; filename*=utf-8''a%22%3BX-Evil%3A%201"],
  ["../../etc/passwd", "attachment; filename*=utf-8''..%2F..%2Fetc%2Fpasswd"],
  ["\u0000null\u202e", "attachment; filename*=utf-8''null%E2%80%AE"],
  ["x".repeat(5000), `attachment; filename=${"x".repeat(255)}`],
])("a hostile name %#", async (name, disposition) => {
  const id = await server.upload(alice, text, { name, type: "application/zip" });
  const answer = await server.raw("GET", download(id), { token: bob });
  expect(answer.headers.get("content-disposition")).toBe(disposition);
  expect(answer.headers.get("x-evil")).toBeNull();
});

test("equal contents take space once, and are deleted apart", async () => {
  const before = await server.app.media.files.locate("incoming");
  expect(before).toBeDefined();
  const body = Buffer.from("the same twice");
  const [first, second] = [await server.upload(alice, body), await server.upload(bob, body)];
  const path = (id: string): string => {
    const [, m = ""] = id.split("/");
    return `local_content/${m.slice(0, 2)}/${m.slice(2, 4)}/${m.slice(4)}`;
  };
  const { stat } = await import("node:fs/promises");
  const inode = async (id: string): Promise<number> => (await stat(`${server.directory}/${path(id)}`)).ino;
  expect(await inode(first)).toBe(await inode(second));
  await server.app.media.files.remove([path(first)]);
  expect((await server.raw("GET", download(second), { token: bob })).status).toBe(200);
  expect((await server.raw("GET", download(first), { token: bob })).status).toBe(404);
});

test("ranges, and what the client has already", async () => {
  const id = await server.upload(alice, Buffer.from("0123456789"));
  const get = async (headers: Record<string, string>): Promise<[number, string, string | null]> => {
    const answer = await server.raw("GET", download(id), { token: bob, headers });
    return [answer.status, await answer.text(), answer.headers.get("content-range")];
  };
  expect(await get({ range: "bytes=2-4" })).toEqual([206, "234", "bytes 2-4/10"]);
  expect(await get({ range: "bytes=-3" })).toEqual([206, "789", "bytes 7-9/10"]);
  expect(await get({ range: "bytes=8-99" })).toEqual([206, "89", "bytes 8-9/10"]);
  expect(await get({ range: "bytes=10-" })).toEqual([416, "", "bytes */10"]);
  expect(await get({ range: "bytes=1-2,4-5" })).toEqual([200, "0123456789", null]);
  const etag = (await server.raw("HEAD", download(id), { token: bob })).headers.get("etag") ?? "";
  expect(await get({ "if-none-match": etag })).toEqual([304, "", null]);
  expect(await get({ range: "bytes=0-0", "if-range": etag })).toEqual([206, "0", "bytes 0-0/10"]);
  expect(await get({ range: "bytes=0-0", "if-range": '"other"' })).toEqual([200, "0123456789", null]);
  const empty = await server.upload(alice, Buffer.alloc(0));
  expect(await (await server.raw("GET", download(empty), { token: bob })).text()).toBe("");
});

test("who may do what", async () => {
  const id = await server.upload(alice, text);
  expect((await server.raw("GET", download(id))).status).toBe(401);
  expect((await server.raw("POST", "/_matrix/media/v3/upload", { body: "x" })).status).toBe(401);
  const guest = (await server.call("POST", "/register?kind=guest", {})).body.access_token;
  expect((await server.raw("POST", "/_matrix/media/v3/upload", { body: "x", token: guest })).status).toBe(403);
  expect((await server.raw("GET", download(id), { token: guest })).status).toBe(200);
  for (const path of [openDownload(id), `/_matrix/media/r0/download/${id}`, `/_matrix/media/v1/thumbnail/${id}?width=1&height=1`]) {
    const answer = await server.raw("GET", path);
    expect([answer.status, ((await answer.json()) as { errcode: string }).errcode]).toEqual([404, "M_NOT_FOUND"]);
  }
  await server.app.db`update media set authenticated = false where media_id = ${id.split("/")[1]}`;
  expect((await server.raw("GET", openDownload(id))).status).toBe(200);
  for (const path of ["/_matrix/media/r0/config", "/_matrix/media/v3/config", "/_matrix/client/v1/media/config"]) {
    expect(await (await server.raw("GET", path, { token: bob })).json()).toEqual({ "m.upload.size": 100_000 });
  }
});

test.each([
  "test.local/..%2f..%2f..%2fetc%2fpasswd",
  "test.local/nothing",
  "test.local/",
  "../aaaaaaaaaaaa",
  "%2e%2e/aaaaaaaaaaaa",
  "..%2f..%2fetc/passwd",
  "test.local/%00",
  "bad name/abcdefgh",
])("nothing outside of the store is served: %s", async (id) => {
  const answer = await server.raw("GET", download(id), { token: bob });
  expect([404, 400]).toContain(answer.status);
});

test("too large, announced or found out on the way, leaves nothing behind", async () => {
  const upload = (body: RequestBody): Promise<Response> => server.raw("POST", "/_matrix/media/v3/upload", { token: alice, body });
  const files = server.files();
  const announced = await upload(Buffer.alloc(100_001));
  expect([announced.status, ((await announced.json()) as { errcode: string }).errcode]).toEqual([413, "M_TOO_LARGE"]);
  const chunked = await upload(
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(60_000)),
    }),
  ).catch(() => undefined);
  if (chunked) expect(chunked.status).toBe(413);
  expect((await upload(new Blob([new Uint8Array(100_000)]).stream())).status).toBe(200);
  await eventually(() => Promise.resolve(server.files().length === files.length + 1), 5_000);
});

describe("large files", () => {
  let large: MediaServer;
  let carol: string;
  beforeAll(async () => {
    large = await createMediaServer({ max_upload_size: 20_000_000 });
    carol = await large.token("carol");
  });
  afterAll(() => large.close());

  test.each([1_048_576, 3_000_001, 8_000_000])("%i bytes are written while they come, several at once", async (length) => {
    const bodies = Array.from({ length: 10 }, () => randomBytes(length));
    const ids = await Promise.all(bodies.map((body) => large.upload(carol, body)));
    for (const [i, id] of ids.entries()) {
      const answer = await large.raw("GET", download(id), { token: carol });
      expect(Buffer.from(await answer.arrayBuffer()).equals(bodies[i] ?? Buffer.alloc(0))).toBe(true);
    }
    expect(large.files().filter((path) => path.startsWith("incoming"))).toEqual([]);
  });

  test("a client that leaves in the middle of its upload leaves no file", async () => {
    const files = large.files();
    const socket = connect(Number(new URL(large.url).port), "127.0.0.1");
    socket.write(
      `POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${carol}\r\nContent-Length: 9000000\r\n\r\n${"x".repeat(3_000_000)}`,
    );
    await eventually(() => Promise.resolve(large.files().length === files.length + 1), 5_000);
    socket.destroy();
    await eventually(() => Promise.resolve(large.files().length === files.length), 5_000);
  });
});

// Open files can be counted there.
(process.platform === "linux" ? test : test.skip)(
  "a client that leaves in the middle of its download, or right after it asked, keeps no file open",
  async () => {
    const path = join(server.directory, "large");
    writeFileSync(path, Buffer.alloc(20_000_000));
    const id = await server.upload(alice, Buffer.from("will be large"));
    const [, m = ""] = id.split("/");
    renameSync(path, join(server.directory, "local_content", m.slice(0, 2), m.slice(2, 4), m.slice(4)));
    const open = (): number =>
      readdirSync("/proc/self/fd").filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(server.directory);
        } catch {
          return false;
        }
      }).length;
    const ask = (): Socket => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      socket.write(`GET ${download(id)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice}\r\n\r\n`);
      return socket;
    };
    const slow = [ask(), ask()];
    for (const socket of slow) socket.once("data", () => socket.pause());
    await eventually(() => Promise.resolve(open() === 2), 5_000);
    for (const socket of slow) socket.destroy();
    const hasty = ask();
    hasty.once("connect", () => setImmediate(() => hasty.destroy()));
    await once(hasty, "close");
    await eventually(() => Promise.resolve(open() === 0), 5_000);
  },
);

test("an id first, its contents later", async () => {
  const create = async (): Promise<Response> => server.raw("POST", "/_matrix/media/v1/create", { token: alice });
  const created = (await (await create()).json()) as { content_uri: string; unused_expires_at: number };
  const id = created.content_uri.replace("mxc://", "");
  expect(created.unused_expires_at).toBeGreaterThan(Date.now());
  const early = await server.raw("GET", `${download(id)}?timeout_ms=0`, { token: bob });
  expect([early.status, ((await early.json()) as { errcode: string }).errcode]).toEqual([504, "M_NOT_YET_UPLOADED"]);
  const waiting = server.raw("GET", `${download(id)}?timeout_ms=30000`, { token: bob });
  const put = (token: string, to = id): Promise<Response> =>
    server.raw("PUT", `/_matrix/media/v3/upload/${to}?filename=a.txt`, { token, body: "late", headers: { "content-type": "text/plain" } });
  expect((await put(bob)).status).toBe(403);
  expect((await put(alice, "test.local/unknown")).status).toBe(404);
  expect((await put(alice, "other.local/unknown")).status).toBe(404);
  const results = await Promise.all([put(alice), put(alice), put(alice)]);
  expect(results.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  expect(await (await waiting).text()).toBe("late");
  expect(((await (await put(alice)).json()) as { errcode: string }).errcode).toBe("M_CANNOT_OVERWRITE_MEDIA");
  expect([(await create()).status, (await create()).status, (await create()).status]).toEqual([200, 200, 429]);
});
