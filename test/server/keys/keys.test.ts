import { createKeysServer, deviceKeys, newKey } from "./harness";
import type { KeysServer } from "./harness";
import type { Body, TestClient } from "../../builders/client";

let server: KeysServer;

beforeAll(async () => {
  server = await createKeysServer();
});
afterAll(() => server.close());

const curve = (name: string) => ({ key: name, signatures: {} });
const oneTime = (...names: string[]) => Object.fromEntries(names.map((name) => [`signed_curve25519:${name}`, curve(name)]));
const claimOf = (user: TestClient) => ({ one_time_keys: { [user.userId]: { [user.deviceId]: "signed_curve25519" } } });

async function claim(by: TestClient, of: TestClient): Promise<string | undefined> {
  const { one_time_keys: keys } = await by.ok("POST", "/keys/claim", claimOf(of));
  return Object.keys(keys[of.userId]?.[of.deviceId] ?? {})[0];
}

test("keys of devices are there for others, with the name of the device", async () => {
  const [alice, bob] = [await server.user("a1"), await server.user("b1")];
  const keys = deviceKeys(alice, newKey(alice.userId, alice.deviceId));
  const answer = await alice.ok("POST", "/keys/upload", { device_keys: { ...keys, unsigned: { x: 1 } }, one_time_keys: oneTime("A", "B") });
  expect(answer).toEqual({ one_time_key_counts: { signed_curve25519: 2 } });
  await alice.ok("PUT", `/devices/${alice.deviceId}`, { display_name: "Phone" });
  const found = await bob.ok("POST", "/keys/query", { device_keys: { [alice.userId]: [], [bob.userId]: [] } });
  expect(found.device_keys).toEqual({
    [alice.userId]: { [alice.deviceId]: { ...keys, unsigned: { device_display_name: "Phone" } } },
    [bob.userId]: {},
  });
  expect(found.failures).toEqual({});
  const other = await bob.ok("POST", "/keys/query", { device_keys: { [alice.userId]: ["OTHER"] } });
  expect(other.device_keys[alice.userId]).toEqual({});
  await alice.ok("POST", "/logout", {});
  expect((await bob.ok("POST", "/keys/query", { device_keys: { [alice.userId]: [] } })).device_keys[alice.userId]).toEqual({});
  expect(await claim(bob, alice)).toBeUndefined();
});

test("a key id cannot be given another key; the same again is welcome", async () => {
  const alice = await server.user("a2");
  const upload = (keys: object) => alice.call("POST", "/keys/upload", { one_time_keys: keys });
  await upload(oneTime("A"));
  expect((await upload({ ...oneTime("A", "B") })).body.one_time_key_counts).toEqual({ signed_curve25519: 2 });
  expect((await upload({ "signed_curve25519:A": { key: "A", signatures: { x: { y: "again" } } } })).status).toBe(200);
  const refused = await upload({ ...oneTime("C"), "signed_curve25519:A": curve("other") });
  expect(refused.status).toBe(400);
  expect((await alice.ok("POST", "/keys/upload", {})).one_time_key_counts).toEqual({ signed_curve25519: 2 });
});

test("one-time keys go out in order, each once, however many claim at a time; then the fallback key", async () => {
  const [alice, bob] = [await server.user("a3"), await server.user("b3")];
  const names = Array.from({ length: 30 }, (_, n) => `K${String(29 - n)}`);
  await alice.ok("POST", "/keys/upload", { one_time_keys: oneTime(...names), fallback_keys: oneTime("F") });
  const counts = await alice.until((sync) => (sync.device_one_time_keys_count.signed_curve25519 === 30 ? sync : undefined));
  expect(counts.device_unused_fallback_key_types).toEqual(["signed_curve25519"]);
  expect(await claim(bob, alice)).toBe("signed_curve25519:K29");
  expect(await claim(bob, alice)).toBe("signed_curve25519:K28");
  const rest = await Promise.all(Array.from({ length: 35 }, () => claim(bob, alice)));
  expect(rest.filter((key) => key !== "signed_curve25519:F").sort()).toEqual(
    names
      .slice(2)
      .map((name) => `signed_curve25519:${name}`)
      .sort(),
  );
  expect(rest.filter((key) => key === "signed_curve25519:F")).toHaveLength(7);
  const after = await alice.until((sync) => (sync.device_unused_fallback_key_types.length === 0 ? sync : undefined));
  expect(after.device_one_time_keys_count).toEqual({ signed_curve25519: 0 });
  // The same fallback key again stays used, a new one is not.
  await alice.ok("POST", "/keys/upload", { fallback_keys: oneTime("F") });
  expect((await alice.sync()).device_unused_fallback_key_types).toEqual([]);
  await alice.ok("POST", "/keys/upload", { fallback_keys: oneTime("G") });
  expect((await alice.sync()).device_unused_fallback_key_types).toEqual(["signed_curve25519"]);
});

test("a sync without news asks the database for no counts", async () => {
  const alice = await server.user("a4");
  await alice.sync();
  const { stats } = server.app.keys.counts;
  const before = stats.misses;
  await alice.sync();
  await alice.sync();
  expect(stats.misses).toBe(before);
});

test("whoever shares a room hears of changed devices, and of users who come and go", async () => {
  const [alice, bob, carol] = [await server.user("a5"), await server.user("b5"), await server.user("c5")];
  const roomId = await alice.createRoom({ preset: "public_chat" });
  const changed = (user: TestClient) => (sync: Body) => (sync.device_lists?.changed?.includes(user.userId) ? sync : undefined);
  const start = (await alice.sync()).next_batch;
  await bob.join(roomId);
  await alice.until(changed(bob));
  await bob.until(changed(alice));
  const joined = (await alice.sync()).next_batch;
  await bob.ok("POST", "/keys/upload", { device_keys: deviceKeys(bob, newKey(bob.userId, bob.deviceId)) });
  await carol.ok("POST", "/keys/upload", { device_keys: deviceKeys(carol, newKey(carol.userId, carol.deviceId)) });
  const news = await alice.until(changed(bob));
  expect(news.device_lists).toEqual({ changed: [bob.userId] });
  const query = new URLSearchParams({ from: joined, to: news.next_batch });
  expect(await alice.ok("GET", `/keys/changes?${query.toString()}`)).toEqual({ changed: [bob.userId], left: [] });
  expect((await alice.ok("GET", `/keys/changes?from=${start}`)).changed).toContain(bob.userId);
  await bob.ok("POST", `/rooms/${encodeURIComponent(roomId)}/leave`, {});
  const parted = await alice.until((sync) => (sync.device_lists?.left?.length > 0 ? sync : undefined));
  expect(parted.device_lists).toEqual({ left: [bob.userId] });
  expect((await bob.until((sync) => (sync.device_lists?.left?.length > 0 ? sync : undefined))).device_lists.left).toEqual([alice.userId]);
  await bob.ok("PUT", `/devices/${bob.deviceId}`, { display_name: "elsewhere" });
  expect((await alice.sync()).device_lists).toBeUndefined();
  await bob.join(roomId);
  await alice.until(changed(bob));
});

test("who turns an invitation down learns of nobody in the room", async () => {
  const [alice, bob] = [await server.user("a6"), await server.user("b6")];
  const roomId = await alice.createRoom({ invite: [bob.userId] });
  await bob.sync();
  await bob.ok("POST", `/rooms/${encodeURIComponent(roomId)}/leave`, {});
  expect((await bob.sync()).device_lists).toBeUndefined();
});

test.each<[string, object, number, string]>([
  ["/keys/upload", { device_keys: { user_id: "@x:y", device_id: "D", algorithms: [], keys: {}, signatures: {} } }, 400, "M_BAD_JSON"],
  ["/keys/upload", { device_keys: 5 }, 400, "M_BAD_JSON"],
  ["/keys/upload", { one_time_keys: { nocolon: "x" } }, 400, "M_BAD_JSON"],
  ["/keys/upload", { one_time_keys: { "a:b": 1.5 } }, 400, "M_BAD_JSON"],
  ["/keys/upload", { one_time_keys: { "a:b": { key: "x", n: 1.5 } } }, 400, "M_BAD_JSON"],
  ["/keys/upload/NODEVICE", { one_time_keys: { "a:b": "x" } }, 400, "M_UNKNOWN"],
  ["/keys/query", { device_keys: { "@a:b": {} } }, 400, "M_BAD_JSON"],
  ["/keys/query", { device_keys: { nobody: [] } }, 400, "M_INVALID_PARAM"],
  ["/keys/claim", { one_time_keys: { "@a:b": { D: 5 } } }, 400, "M_BAD_JSON"],
  ["/keys/signatures/upload", { "@a:b": 5 }, 400, "M_BAD_JSON"],
  ["/keys/device_signing/upload", {}, 400, "M_MISSING_PARAM"],
])("refusal %# %s", async (path, body, status, errcode) => {
  const alice = await server.user(`bad${errcode}${JSON.stringify(body).length}${path.length}`.toLowerCase());
  const answer = await alice.call("POST", path, body);
  expect(answer.status).toBe(status);
  expect(answer.body.errcode).toBe(errcode);
});
