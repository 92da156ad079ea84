import { claimKeys } from "../../../src/handlers/keys/claimKeys";
import { queryKeys } from "../../../src/handlers/keys/queryKeys";
import { receiveDeviceListUpdate, receiveSigningKeyUpdate } from "../../../src/handlers/keys/receiveLists";
import { resyncStaleLists } from "../../../src/handlers/keys/remoteLists";
import { serveClaim, serveDevices, serveKeys } from "../../../src/handlers/keys/serveKeys";
import { requesterFor } from "../../../src/handlers/requester";
import type { JsonObject } from "../../../src/lib/json";
import { ServerUnreachableError } from "../../../src/remote/federationErrors";
import { upsertMembers } from "../../../src/storage/memberships";
import { deviceListsStream } from "../../../src/streams/deviceLists";
import { eventsStream } from "../../../src/streams/events";
import type { TestClient } from "../../builders/client";
import { eventually } from "../../builders/eventually";
import { createKeysServer, crossSigningKey, deviceKeys, newKey } from "./harness";
import type { KeysServer } from "./harness";

let server: KeysServer;
let alice: TestClient;
let roomNid: number;
const rita = { userId: "@rita:remote.test", deviceId: "R1" };
const keys = deviceKeys(rita, newKey(rita.userId, rita.deviceId));
const asked: string[] = [];
let isAway = false;
let list: JsonObject = {};

/** The process with another server behind it. */
function app(): KeysServer["app"] {
  const answer = async (path: string): Promise<JsonObject> => {
    asked.push(path.replace("/_matrix/federation/v1/user/", ""));
    if (isAway) throw new ServerUnreachableError("remote.test", "it is away");
    if (path.includes("/devices/")) return list;
    if (path.endsWith("/claim"))
      return { one_time_keys: { [rita.userId]: { R1: { "a:b": "k" }, R2: { "a:c": "k" } }, "@x:remote.test": { R1: {} } } };
    return { device_keys: { [rita.userId]: { R1: keys, R9: keys }, [alice.userId]: { A: keys } } };
  };
  const client = { get: (_: string, path: string) => answer(path), post: (_: string, path: string) => answer(path) };
  return { ...server.app, federation: { ...server.app.federation, client: client as never } };
}

const query = async () => {
  const { device_keys: found, failures } = await queryKeys(app(), requesterFor(alice.userId), new Map([[rita.userId, []]]), 1_000);
  return { devices: (found as Record<string, JsonObject>)[rita.userId], failures };
};
const update = (content: JsonObject) =>
  receiveDeviceListUpdate(app(), "remote.test", { user_id: rita.userId, device_id: "R1", ...content });

async function membership(membership: "join" | "leave"): Promise<void> {
  const streamOrdering = server.app.streams.position(eventsStream);
  const row = { roomNid, userId: rita.userId, membership, sender: rita.userId, eventNid: 1, streamOrdering, isLocal: false };
  await upsertMembers(server.app.db, [{ ...row, forgotten: false, displayName: null, avatarUrl: null }]);
  server.app.caches.memberships.forgetUser(rita.userId);
}

beforeAll(async () => {
  server = await createKeysServer();
  alice = await server.user("alice");
  const roomId = await alice.createRoom({ preset: "public_chat" });
  roomNid = (await server.app.caches.rooms.byId(roomId))?.nid ?? 0;
  list = { user_id: rita.userId, stream_id: 5, devices: [{ device_id: "R1", keys, device_display_name: "Phone" }] };
});
afterAll(() => server.close());

test("a stranger is asked about each time, and answers about others do not count", async () => {
  expect(await query()).toEqual({ devices: { R1: keys }, failures: {} });
  await query();
  expect(asked).toEqual(["keys/query", "keys/query"]);
  expect(await claimKeys(app(), [{ ...rita, algorithm: "a" }], undefined)).toEqual({
    one_time_keys: { [rita.userId]: { R1: { "a:b": "k" } } },
    failures: {},
  });
});

test("a server that cannot be reached is a failure, not an error", async () => {
  isAway = true;
  expect(await query()).toMatchObject({ devices: undefined, failures: { "remote.test": { status: 503 } } });
  isAway = false;
});

test("who shares a room is kept here and follows updates; a gap makes us fetch the list anew", async () => {
  await membership("join");
  await alice.sync();
  asked.length = 0;
  const answers = await Promise.all([query(), query()]);
  for (const { devices } of answers) expect(JSON.stringify(devices)).toContain("Phone");
  expect(asked).toEqual(["devices/%40rita%3Aremote.test"]);
  expect((await alice.sync()).device_lists.changed).toEqual([rita.userId]);
  asked.length = 0;
  expect((await query()).devices).toEqual({ R1: { ...keys, unsigned: { device_display_name: "Phone" } } });
  expect(asked).toEqual([]);

  await alice.sync();
  await update({ stream_id: 6, prev_id: [5], keys, device_display_name: "Tablet" });
  expect((await alice.sync()).device_lists.changed).toEqual([rita.userId]);
  expect(JSON.stringify((await query()).devices)).toContain("Tablet");
  await update({ stream_id: 6, prev_id: [5], keys, device_display_name: "Old" });
  expect(JSON.stringify((await query()).devices)).toContain("Tablet");
  await receiveDeviceListUpdate(app(), "evil.test", { user_id: rita.userId, device_id: "R1", stream_id: 7, prev_id: [6], deleted: true });
  expect(asked).toEqual([]);

  isAway = true;
  await update({ stream_id: 9, prev_id: [8], keys, device_display_name: "Tablet" });
  expect((await query()).failures).toHaveProperty(["remote.test"]);
  isAway = false;
  list = { ...list, stream_id: 9, devices: [] };
  await eventually(async () => {
    await resyncStaleLists(app());
    asked.length = 0;
    return Object.keys((await query()).devices ?? {}).length === 0 && asked.length === 0;
  });
  await update({ stream_id: 10, prev_id: [9], keys });
  await update({ stream_id: 11, prev_id: [10], deleted: true });
  expect((await query()).devices).toEqual({});
});

test("of what was missed who shares a room is told once: when the list is there, or when it cannot be had", async () => {
  const told = (): number => server.app.streams.position(deviceListsStream);
  list = { ...list, stream_id: 21, devices: [{ device_id: "R2", keys: { ...keys, device_id: "R2" } }] };
  for (const [streamId, away] of [
    [21, false],
    [31, true],
  ] as const) {
    isAway = away;
    const before = told();
    await update({ stream_id: streamId, prev_id: [streamId - 1], keys });
    await eventually(() => told() > before && server.app.keys.resyncing.size === 0);
    expect(told()).toBe(before + 1);
    expect((await alice.sync()).device_lists.changed).toEqual([rita.userId]);
    if (!away) expect(Object.keys((await query()).devices ?? {})).toEqual(["R2"]);
  }
  isAway = false;
});

test("the list of a user who came back is not trusted", async () => {
  await membership("leave");
  await alice.createRoom();
  await membership("join");
  asked.length = 0;
  await query();
  expect(asked[0]).toBe("devices/%40rita%3Aremote.test");
});

test("cross-signing keys of others come with their updates", async () => {
  await alice.sync();
  const key = crossSigningKey(rita.userId, "master", newKey(rita.userId));
  await receiveSigningKeyUpdate(app(), "remote.test", { user_id: rita.userId, master_key: key });
  expect((await alice.sync()).device_lists.changed).toEqual([rita.userId]);
});

test("other servers get keys of ours, without what is the owner's alone", async () => {
  const own = deviceKeys(alice, newKey(alice.userId, alice.deviceId));
  const upload = { device_keys: own, one_time_keys: { "signed_curve25519:A": { key: "A" } } };
  await alice.ok("POST", "/keys/upload", upload);
  await alice.ok("PUT", `/devices/${alice.deviceId}`, { display_name: "Secret" });
  const master = newKey(alice.userId);
  await alice.ok("POST", "/keys/device_signing/upload", { master_key: crossSigningKey(alice.userId, "master", master) });
  const devices = await serveDevices(server.app, alice.userId);
  expect(devices).toMatchObject({ user_id: alice.userId, devices: [{ device_id: alice.deviceId, keys: own }] });
  expect(devices["master_key"]).toMatchObject({ usage: ["master"] });
  const found = await serveKeys(
    server.app,
    new Map([
      [alice.userId, []],
      [rita.userId, []],
    ]),
  );
  expect(found["device_keys"]).toEqual({ [alice.userId]: { [alice.deviceId]: { ...own, unsigned: {} } } });
  expect(found).not.toHaveProperty("user_signing_keys");
  const wanted = [{ userId: alice.userId, deviceId: alice.deviceId, algorithm: "signed_curve25519" }];
  expect(await serveClaim(server.app, wanted)).toEqual({
    one_time_keys: { [alice.userId]: { [alice.deviceId]: { "signed_curve25519:A": { key: "A" } } } },
  });
  expect(await serveClaim(server.app, wanted)).toEqual({ one_time_keys: {} });
  await expect(serveDevices(server.app, rita.userId)).rejects.toMatchObject({ status: 400 });
});
