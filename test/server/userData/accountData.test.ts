import {
  accountDataOf,
  accountDataSince,
  allAccountDataOf,
  deleteAccountData,
  ignoredUsersOf,
  readAccountData,
  setAccountData,
} from "../../../src/handlers/accountData";
import type { AccountDataEvents } from "../../../src/handlers/accountData";
import { createFilter, eventFilterOf, filterOf, readFilter } from "../../../src/handlers/filters";
import { requesterFor } from "../../../src/handlers/requester";
import { carryOverAccountData, readTags, removeTag, setTag } from "../../../src/handlers/tags";
import { accountDataStreamBetween, deleteAccountDataOfUsers, ignorersOf } from "../../../src/storage/accountData";
import { accountDataStream } from "../../../src/streams/accountData";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let server: TestApp;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const room = "!room:test.local";

beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server.close());

const position = (): number => server.app.streams.position(accountDataStream);

function plain(events: AccountDataEvents): unknown {
  return JSON.parse(JSON.stringify({ global: events.global, rooms: Object.fromEntries(events.rooms) }));
}

test("account data is read back, and a sync sees what changed", async () => {
  const { app } = server;
  const user = requesterFor("@reader:test.local");
  const target = { userId: user.userId, type: "org.example" };
  await setAccountData(app, user, target, { n: 1, "\u0000": "\u0000" });
  const before = position();
  await setAccountData(app, user, target, { n: 2 });
  await setAccountData(app, user, { ...target, roomId: room }, { n: 3 });
  expect(JSON.parse((await readAccountData(app, user, target)).text)).toEqual({ n: 2 });
  const changed = { global: [{ type: "org.example", content: { n: 2 } }], rooms: { [room]: [{ type: "org.example", content: { n: 3 } }] } };
  expect(plain(await accountDataSince(app, user.userId, before, position()))).toEqual(changed);
  expect(plain(await accountDataSince(app, user.userId, 0, position()))).toEqual(changed);
  expect(plain(await allAccountDataOf(app, user.userId))).toEqual(changed);
  expect(plain(await accountDataSince(app, user.userId, position(), position()))).toEqual({ global: [], rooms: {} });
});

test("a write at once shares its commit, and the last one wins", async () => {
  const { app } = server;
  const target = { userId: alice.userId, type: "org.race" };
  await Promise.all(Array.from({ length: 50 }, (_, n) => setAccountData(app, alice, target, { n })));
  expect(JSON.parse((await readAccountData(app, alice, target)).text)).toEqual({ n: 49 });
});

test.each([
  [{ userId: "@bob:test.local", type: "org.example" }, 403, "M_FORBIDDEN"],
  [{ userId: alice.userId, type: "m.fully_read" }, 405, "M_BAD_JSON"],
  [{ userId: alice.userId, type: "m.push_rules" }, 405, "M_BAD_JSON"],
  [{ userId: alice.userId, type: "m.fully_read", roomId: room }, 405, "M_BAD_JSON"],
  [{ userId: alice.userId, type: "org.example", roomId: "@alice:test.local" }, 400, "M_INVALID_PARAM"],
  [{ userId: alice.userId, type: "x".repeat(300) }, 400, "M_INVALID_PARAM"],
])("writing %j is refused", async (target, status, errcode) => {
  await expect(setAccountData(server.app, alice, target, {})).rejects.toMatchObject({ status, errcode });
});

test("what is not there is not found", async () => {
  const target = { userId: alice.userId, type: "org.nothing" };
  await expect(readAccountData(server.app, alice, target)).rejects.toMatchObject({ status: 404, errcode: "M_NOT_FOUND" });
  await expect(readAccountData(server.app, alice, { ...target, userId: "@b:c" })).rejects.toMatchObject({ status: 403 });
});

test("tags: set together, read, removed, and a sync sees them whole", async () => {
  const { app } = server;
  const target = { userId: alice.userId, roomId: room };
  await Promise.all([
    setTag(app, alice, { ...target, tag: "u.work" }, { order: 0.25 }),
    setTag(app, alice, { ...target, tag: "m.favourite" }, {}),
    setTag(app, alice, { ...target, tag: "__proto__" }, { order: 1 }),
  ]);
  const tags = await readTags(app, alice, target);
  expect(Object.entries(tags).sort()).toEqual([
    ["__proto__", { order: 1 }],
    ["m.favourite", {}],
    ["u.work", { order: 0.25 }],
  ]);
  await removeTag(app, alice, { ...target, tag: "__proto__" });
  const before = position();
  await removeTag(app, alice, { ...target, tag: "m.favourite" });
  await removeTag(app, alice, { ...target, tag: "m.favourite" });
  const after = position();
  expect(after).toBe(before + 1);
  expect(plain(await accountDataSince(app, alice.userId, before, after))).toEqual({
    global: [],
    rooms: { [room]: [{ type: "m.tag", content: { tags: { "u.work": { order: 0.25 } } } }] },
  });
  await expect(setTag(app, alice, { ...target, tag: "ü".repeat(128) }, {})).rejects.toMatchObject({ status: 400 });
  await expect(readTags(app, alice, { ...target, userId: "@b:c" })).rejects.toMatchObject({ status: 403 });
});

test("ignored users are known from both sides, and the cache follows", async () => {
  const { app } = server;
  const target = { userId: alice.userId, type: "m.ignored_user_list" };
  expect(await ignoredUsersOf(app, alice.userId)).toEqual(new Set());
  await setAccountData(app, alice, target, { ignored_users: { "@x:y": {}, "@z:y": {}, [alice.userId]: {}, nonsense: {} } });
  expect(await ignoredUsersOf(app, alice.userId)).toEqual(new Set(["@x:y", "@z:y"]));
  expect(await ignorersOf(app.db, ["@x:y", "@n:y"])).toEqual([{ ignored: "@x:y", ignorers: [alice.userId] }]);
  await setAccountData(app, alice, target, { ignored_users: { "@z:y": {} } });
  expect(await ignoredUsersOf(app, alice.userId)).toEqual(new Set(["@z:y"]));
  await setAccountData(app, alice, target, { ignored_users: 7 });
  expect(await ignoredUsersOf(app, alice.userId)).toEqual(new Set());
});

test("an upgraded room inherits tags and its place among the direct chats", async () => {
  const { app } = server;
  const user = requesterFor("@mover:test.local");
  const own = { userId: user.userId };
  await setTag(app, user, { ...own, roomId: "!old:x", tag: "m.favourite" }, { order: 0.5 });
  await setAccountData(app, user, { ...own, type: "m.direct" }, { "@friend:x": ["!old:x"], "@other:x": ["!third:x"] });
  await carryOverAccountData(app, user.userId, "!old:x", "!new:x");
  expect(await readTags(app, user, { ...own, roomId: "!new:x" })).toEqual({ "m.favourite": { order: 0.5 } });
  const direct = JSON.parse((await readAccountData(app, user, { ...own, type: "m.direct" })).text) as unknown;
  expect(direct).toEqual({ "@friend:x": ["!old:x", "!new:x"], "@other:x": ["!third:x"] });
});

test("filters: ids count up for each user, equal ones share one, limits are cut", async () => {
  const { app } = server;
  const bob = requesterFor("@bob:test.local");
  const filter = { room: { timeline: { limit: 100_000 }, state: { types: ["m.*"] } } };
  expect(await createFilter(app, alice, alice.userId, filter)).toBe("0");
  expect(await createFilter(app, alice, alice.userId, {})).toBe("1");
  expect(await createFilter(app, alice, alice.userId, { room: { state: { types: ["m.*"] }, timeline: { limit: 100_000 } } })).toBe("0");
  expect(await createFilter(app, bob, bob.userId, {})).toBe("0");
  expect(JSON.parse((await readFilter(app, alice, alice.userId, "0")).text)).toEqual({
    room: { timeline: { limit: 100 }, state: { types: ["m.*"] } },
  });
  const ids = await Promise.all(Array.from({ length: 12 }, (_, n) => createFilter(app, bob, bob.userId, { n })));
  expect(new Set(ids).size).toBe(12);
});

test("filters: what a sync may name", async () => {
  const { app } = server;
  await createFilter(app, alice, alice.userId, { room: { timeline: { limit: 3 } } });
  const id = await createFilter(app, alice, alice.userId, { room: { timeline: { limit: 4 } } });
  expect((await filterOf(app, alice.userId, id)).room.timeline.limit).toBe(4);
  expect((await filterOf(app, alice.userId, '{"room":{"timeline":{"limit":1000}}}')).room.timeline.limit).toBe(100);
  expect((await filterOf(app, alice.userId, undefined)).room.timeline.limit).toBeUndefined();
  await expect(filterOf(app, alice.userId, "999")).rejects.toMatchObject({ status: 400, errcode: "M_INVALID_PARAM" });
  await expect(filterOf(app, alice.userId, "x")).rejects.toMatchObject({ status: 400 });
  await expect(filterOf(app, alice.userId, "{")).rejects.toMatchObject({ status: 400, errcode: "M_NOT_JSON" });
  expect(() => eventFilterOf('{"types": 1}')).toThrow(expect.objectContaining({ errcode: "M_BAD_JSON" }));
});

test("filters: refusals", async () => {
  const { app } = server;
  await expect(createFilter(app, alice, "@b:c", {})).rejects.toMatchObject({ status: 403 });
  await expect(createFilter(app, alice, alice.userId, { presence: 1 })).rejects.toMatchObject({ status: 400, errcode: "M_BAD_JSON" });
  await expect(readFilter(app, alice, alice.userId, "x")).rejects.toMatchObject({ status: 400 });
  await expect(readFilter(app, alice, alice.userId, "4711")).rejects.toMatchObject({ status: 404 });
  await expect(readFilter(app, alice, "@b:c", "0")).rejects.toMatchObject({ status: 403 });
});

test("MSC3391: empty content means deleted, and a sync is told so", async () => {
  const other = await createTestApp({ experimental_features: { msc3391_enabled: true } });
  const target = { userId: alice.userId, roomId: room, type: "org.example" };
  await setAccountData(other.app, alice, target, { n: 1 });
  const before = other.app.streams.position(accountDataStream);
  await deleteAccountData(other.app, alice, target);
  await expect(readAccountData(other.app, alice, target)).rejects.toMatchObject({ status: 404 });
  expect(plain(await allAccountDataOf(other.app, alice.userId))).toEqual({ global: [], rooms: {} });
  expect((await accountDataOf(other.app, alice.userId, [room])).size).toBe(0);
  const news = await accountDataSince(other.app, alice.userId, before, before + 1);
  expect(plain(news)).toEqual({ global: [], rooms: { [room]: [{ type: "org.example", content: {} }] } });
  await other.close();
});

test("an erased account leaves nothing, and the stream can be read again", async () => {
  const { app } = server;
  const user = requesterFor("@erased:test.local");
  const before = position();
  await setAccountData(app, user, { userId: user.userId, type: "m.ignored_user_list" }, { ignored_users: { "@q:y": {} } });
  await setTag(app, user, { userId: user.userId, roomId: room, tag: "u.x" }, {});
  await createFilter(app, user, user.userId, {});
  expect(await accountDataStreamBetween(app.db, before, position())).toEqual([
    { id: before + 1, row: { userId: user.userId, roomId: null, type: "m.ignored_user_list" } },
    { id: before + 2, row: { userId: user.userId, roomId: room, type: "m.tag" } },
  ]);
  await deleteAccountDataOfUsers(app.db, [user.userId]);
  expect(plain(await allAccountDataOf(app, user.userId))).toEqual({ global: [], rooms: {} });
  expect(await ignorersOf(app.db, ["@q:y"])).toEqual([]);
  await expect(readFilter(app, user, user.userId, "0")).rejects.toMatchObject({ status: 404 });
});
