import { createKeysServer } from "./harness";
import type { KeysServer } from "./harness";
import type { TestClient } from "../../builders/client";

let server: KeysServer;
let alice: TestClient;

beforeAll(async () => {
  server = await createKeysServer();
  alice = await server.user("alice");
});
afterAll(() => server.close());

const algorithm = "m.megolm_backup.v1";
const begin = async (): Promise<string> => (await alice.ok("POST", "/room_keys/version", { algorithm, auth_data: { n: 1 } })).version;
const session = (index: number, hops = 0, verified = false) => ({
  first_message_index: index,
  forwarded_count: hops,
  is_verified: verified,
  session_data: { index, hops, verified },
});
const at = (version: string, rest = "") => `/room_keys/keys${rest}?version=${version}`;

test("versions count up, deleted ones too, and each has its own sessions", async () => {
  const first = await begin();
  await alice.ok("PUT", at(first, "/!r:x/S"), session(1));
  const second = await begin();
  expect(Number(second)).toBe(Number(first) + 1);
  expect(await alice.ok("GET", "/room_keys/version")).toEqual({ algorithm, auth_data: { n: 1 }, version: second, etag: "0", count: 0 });
  expect(await alice.ok("GET", `/room_keys/version/${first}`)).toMatchObject({ version: first, count: 1 });
  const old = await alice.call("PUT", at(first, "/!r:x/S"), session(0));
  expect([old.status, old.body.errcode, old.body.current_version]).toEqual([403, "M_WRONG_ROOM_KEYS_VERSION", second]);
  await alice.ok("DELETE", `/room_keys/version/${second}`);
  expect((await alice.call("GET", `/room_keys/version/${second}`)).status).toBe(404);
  expect((await alice.call("GET", at(second))).status).toBe(404);
  expect((await alice.call("DELETE", `/room_keys/version/${second}`)).status).toBe(404);
  expect(Number(await begin())).toBe(Number(second) + 1);
});

test("of two copies of a session the better one stays", async () => {
  const version = await begin();
  const put = (copy: object) => alice.ok("PUT", at(version, "/!r:x/S"), copy);
  const now = async () => (await alice.ok("GET", at(version, "/!r:x/S"))).session_data;
  expect(await put(session(5, 3))).toEqual({ count: 1, etag: "1" });
  expect(await put(session(5, 3))).toEqual({ count: 1, etag: "1" });
  await put(session(6, 0));
  expect(await now()).toEqual({ index: 5, hops: 3, verified: false });
  await put(session(5, 2));
  expect(await now()).toMatchObject({ hops: 2 });
  await put(session(4, 9));
  expect(await now()).toMatchObject({ index: 4 });
  await put(session(9, 9, true));
  expect(await now()).toMatchObject({ verified: true });
  expect(await put(session(0, 0))).toEqual({ count: 1, etag: "4" });
  expect(await now()).toMatchObject({ verified: true });
});

test("whole, by room and by session", async () => {
  const version = await begin();
  const rooms = { "!a:x": { sessions: { S1: session(1), S2: session(2) } }, "!b:x": { sessions: { S1: session(3) } } };
  expect(await alice.ok("PUT", at(version), { rooms })).toEqual({ count: 3, etag: "1" });
  expect(await alice.ok("GET", at(version))).toEqual({ rooms });
  expect(await alice.ok("GET", at(version, "/!a:x"))).toEqual(rooms["!a:x"]);
  expect(await alice.ok("GET", at(version, "/!none:x"))).toEqual({ sessions: {} });
  expect((await alice.call("GET", at(version, "/!a:x/S9"))).body.errcode).toBe("M_NOT_FOUND");
  expect(await alice.ok("DELETE", at(version, "/!a:x/S1"))).toEqual({ count: 2, etag: "2" });
  expect(await alice.ok("PUT", at(version, "/!a:x"), { sessions: { S3: session(1) } })).toEqual({ count: 3, etag: "3" });
  expect(await alice.ok("DELETE", at(version, "/!a:x"))).toEqual({ count: 1, etag: "4" });
  expect(await alice.ok("DELETE", at(version))).toEqual({ count: 0, etag: "5" });
  expect(await alice.ok("DELETE", at(version))).toEqual({ count: 0, etag: "5" });
});

test("the data of a version change, its algorithm and number do not", async () => {
  const version = await begin();
  const put = (body: object) => alice.call("PUT", `/room_keys/version/${version}`, body);
  expect((await put({ algorithm, auth_data: { n: 2 }, version })).status).toBe(200);
  expect((await alice.ok("GET", "/room_keys/version")).auth_data).toEqual({ n: 2 });
  expect((await put({ algorithm: "other", auth_data: {} })).body.errcode).toBe("M_INVALID_PARAM");
  expect((await put({ algorithm, auth_data: {}, version: "0" })).body.errcode).toBe("M_INVALID_PARAM");
  expect((await alice.call("PUT", "/room_keys/version/nonsense", { algorithm, auth_data: {} })).status).toBe(404);
  expect((await alice.call("PUT", at(version, "/!r:x/S"), { ...session(1), first_message_index: -1 })).status).toBe(400);
  expect((await alice.call("GET", "/room_keys/keys")).body.errcode).toBe("M_MISSING_PARAM");
});
