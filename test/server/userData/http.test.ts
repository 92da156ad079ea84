import { createUserDataServer } from "./harness";
import type { Answer, Client, UserDataServer } from "./harness";

let server: UserDataServer;
let alice: Client;
let bob: Client;
let roomId: string;
let room: string;

beforeAll(async () => {
  server = await createUserDataServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
  roomId = (await alice.call("POST", "/createRoom", { preset: "public_chat" })).body.room_id;
  room = `/rooms/${encodeURIComponent(roomId)}`;
  expect((await bob.call("POST", `${room}/join`, {})).status).toBe(200);
});
afterAll(() => server.close());

const ok = { status: 200, body: {} };
const refused = (status: number, errcode: string): Partial<Answer> =>
  expect.objectContaining({ status, body: expect.objectContaining({ errcode }) });
const mine = (path: string, client = alice): string => `/user/${encodeURIComponent(client.userId)}${path}`;
let txns = 0;

async function send(client = alice, body = "hello"): Promise<string> {
  const answer = await client.call("PUT", `${room}/send/m.room.message/${txns++}`, { msgtype: "m.text", body });
  return answer.body.event_id;
}

/** Syncs until the answer shows what is wanted. */
async function syncUntil<T>(client: Client, pick: (body: Answer["body"]) => T | undefined, query: Record<string, string> = {}): Promise<T> {
  for (let i = 0; i < 20; i++) {
    const found = pick(await client.sync({ timeout: "5000", ...query }));
    if (found !== undefined) return found;
  }
  throw new Error("never came down the sync");
}

const ephemeral = (type: string) => (body: Answer["body"]) =>
  body.rooms?.join?.[roomId]?.ephemeral?.events.find((event: { type: string }) => event.type === type);

test("account data and tags come down the sync and are read back", async () => {
  await alice.sync();
  expect(await alice.call("PUT", mine("/account_data/org.example"), { n: 1 })).toEqual(ok);
  expect(await alice.call("PUT", mine(`${room}/account_data/org.example`), { n: 2 })).toEqual(ok);
  expect(await alice.call("PUT", mine(`${room}/tags/u.tag`), { order: 0.5 })).toEqual(ok);
  expect(await alice.call("GET", mine("/account_data/org.example"))).toEqual({ status: 200, body: { n: 1 } });
  expect(await alice.call("GET", mine(`${room}/account_data/org.example`))).toEqual({ status: 200, body: { n: 2 } });
  expect(await alice.call("GET", mine(`${room}/tags`))).toEqual({ status: 200, body: { tags: { "u.tag": { order: 0.5 } } } });
  const body = await alice.sync();
  expect(body.account_data.events).toEqual([{ type: "org.example", content: { n: 1 } }]);
  expect(body.rooms.join[roomId].account_data.events).toEqual([
    { type: "org.example", content: { n: 2 } },
    { type: "m.tag", content: { tags: { "u.tag": { order: 0.5 } } } },
  ]);
  expect(await alice.call("DELETE", mine(`${room}/tags/u.tag`))).toEqual(ok);
  expect((await alice.sync()).rooms.join[roomId].account_data.events).toEqual([{ type: "m.tag", content: { tags: {} } }]);
});

test("push rules are read like account data", async () => {
  const { status, body } = await alice.call("GET", mine("/account_data/m.push_rules"));
  expect(status).toBe(200);
  expect(Object.keys(body.global).sort()).toEqual(["content", "override", "room", "sender", "underride"]);
});

test("account data: refusals", async () => {
  expect(await alice.call("PUT", mine("/account_data/m.fully_read"), {})).toEqual(refused(405, "M_BAD_JSON"));
  expect(await alice.call("PUT", mine(`${room}/account_data/m.push_rules`), {})).toEqual(refused(405, "M_BAD_JSON"));
  expect(await alice.call("PUT", mine("/account_data/x", bob), {})).toEqual(refused(403, "M_FORBIDDEN"));
  expect(await alice.call("PUT", mine("/account_data/x"), [])).toEqual(refused(400, "M_BAD_JSON"));
  expect(await alice.call("PUT", mine("/account_data/x"), "{")).toEqual(refused(400, "M_NOT_JSON"));
  expect(await alice.call("GET", mine("/account_data/org.nothing"))).toEqual(refused(404, "M_NOT_FOUND"));
  expect(await alice.call("PUT", mine("/rooms/nonsense/account_data/x"), {})).toEqual(refused(400, "M_INVALID_PARAM"));
  expect(await alice.call("PUT", mine("/account_data/a%00b"), {})).toEqual(refused(400, "M_INVALID_PARAM"));
});

test("filters", async () => {
  const filter = { room: { timeline: { limit: 10 } } };
  const { body } = await alice.call("POST", mine("/filter"), filter);
  expect(await alice.call("GET", mine(`/filter/${body.filter_id}`))).toEqual({ status: 200, body: filter });
  expect(await alice.call("GET", mine("/filter/99"))).toEqual(refused(404, "M_NOT_FOUND"));
  expect(await alice.call("POST", mine("/filter"), { room: { timeline: { types: [0] } } })).toEqual(refused(400, "M_BAD_JSON"));
  expect(await alice.call("GET", "/sync?filter=99")).toEqual(refused(400, "M_INVALID_PARAM"));
});

test("receipts and read markers come down the sync", async () => {
  const [first, second] = [await send(), await send()];
  await bob.sync();
  expect(await alice.call("POST", `${room}/receipt/m.read/${encodeURIComponent(first)}`)).toEqual(ok);
  const receipt = await syncUntil(bob, ephemeral("m.receipt"));
  expect(receipt).toEqual({ type: "m.receipt", content: { [first]: { "m.read": { [alice.userId]: { ts: expect.any(Number) } } } } });
  expect(await alice.call("POST", `${room}/receipt/m.read/${encodeURIComponent(second)}`, { thread_id: "main" })).toEqual(ok);
  expect((await syncUntil(bob, ephemeral("m.receipt"))).content[second]["m.read"][alice.userId].thread_id).toBe("main");
  expect(await alice.call("POST", `${room}/receipt/m.read.private/${encodeURIComponent(second)}`, {})).toEqual(ok);
  expect(await bob.call("POST", `${room}/read_markers`, { "m.fully_read": second, "m.read": second })).toEqual(ok);
  const body = await bob.sync();
  expect(JSON.stringify(body)).not.toContain("m.read.private");
  expect(body.rooms.join[roomId].account_data.events).toEqual([{ type: "m.fully_read", content: { event_id: second } }]);
  const full = await (await server.client("late")).sync();
  expect(full.rooms?.join?.[roomId]).toBeUndefined();
  const initial = ephemeral("m.receipt")((await alice.call("GET", "/sync")).body);
  expect(initial.content[second]).toMatchObject({ "m.read.private": { [alice.userId]: {} }, "m.read": { [bob.userId]: {} } });
});

test("receipts: refusals", async () => {
  const eventId = encodeURIComponent(await send());
  expect(await alice.call("POST", `${room}/receipt/not.m.read/${eventId}`, {})).toEqual(refused(400, "M_INVALID_PARAM"));
  expect(await alice.call("POST", `${room}/receipt/m.read/${eventId}`, { thread_id: "" })).toEqual(refused(400, "M_INVALID_PARAM"));
  expect(await alice.call("POST", `${room}/receipt/m.read/${eventId}`, { thread_id: 1 })).toEqual(refused(400, "M_INVALID_PARAM"));
  expect(await alice.call("POST", `${room}/receipt/m.read/nonsense`, {})).toEqual(refused(400, "M_INVALID_PARAM"));
});

test("typing comes down the sync, also the first one", async () => {
  await bob.sync();
  const typing = `${room}/typing/${encodeURIComponent(alice.userId)}`;
  expect(await alice.call("PUT", typing, { typing: true, timeout: 30_000 })).toEqual(ok);
  expect(await syncUntil(bob, ephemeral("m.typing"))).toEqual({ type: "m.typing", content: { user_ids: [alice.userId] } });
  expect(ephemeral("m.typing")((await bob.call("GET", "/sync")).body)).toEqual({ type: "m.typing", content: { user_ids: [alice.userId] } });
  expect(await alice.call("PUT", typing, { typing: false })).toEqual(ok);
  expect(await syncUntil(bob, ephemeral("m.typing"))).toEqual({ type: "m.typing", content: { user_ids: [] } });
  expect(await bob.call("PUT", typing, { typing: true })).toEqual(refused(403, "M_FORBIDDEN"));
  expect(await alice.call("PUT", typing, {})).toMatchObject({ status: 400 });
});

test("presence: syncing brings online, and others in the room see what is set", async () => {
  const of = (userId: string) => (body: Answer["body"]) =>
    body.presence?.events.find((event: { sender: string }) => event.sender === userId);
  const status = `/presence/${encodeURIComponent(alice.userId)}/status`;
  await bob.sync();
  expect(await alice.call("PUT", status, { presence: "unavailable", status_msg: "lunch" })).toEqual(ok);
  const away = await syncUntil(bob, (body) =>
    of(alice.userId)(body)?.content.presence === "unavailable" ? of(alice.userId)(body) : undefined,
  );
  expect(away).toMatchObject({ type: "m.presence", content: { status_msg: "lunch" } });
  expect((await bob.call("GET", status)).body).toMatchObject({ presence: "unavailable", status_msg: "lunch" });
  await alice.sync({ set_presence: "online" });
  expect(await syncUntil(bob, (body) => (of(alice.userId)(body)?.content.presence === "online" ? true : undefined))).toBe(true);
  expect(await alice.call("PUT", status, { presence: "nonsense" })).toMatchObject({ status: 400 });
  expect(await bob.call("PUT", status, { presence: "online" })).toEqual(refused(403, "M_FORBIDDEN"));
});

test("to-device messages wake a sync, arrive once, and come again until acknowledged", async () => {
  const filter = JSON.stringify({ room: { rooms: [] }, account_data: { types: [] }, presence: { types: [] } });
  const query = { filter, set_presence: "offline" };
  const start = (await bob.sync(query)).next_batch;
  const waiting = bob.call("GET", `/sync?${new URLSearchParams({ ...query, since: start, timeout: "20000" }).toString()}`);
  const messages = { [bob.userId]: { [bob.deviceId]: { n: 1 }, "*": { n: 2 }, nobody: {} } };
  for (let i = 0; i < 2; i++) expect(await alice.call("PUT", "/sendToDevice/my.type/t1", { messages })).toEqual(ok);
  const events = [1, 2].map((n) => ({ type: "my.type", sender: alice.userId, content: { n } }));
  expect((await waiting).body.to_device).toEqual({ events });
  const again = await bob.call("GET", `/sync?${new URLSearchParams({ ...query, since: start }).toString()}`);
  expect(again.body.to_device).toEqual({ events });
  const after = await bob.call("GET", `/sync?${new URLSearchParams({ ...query, since: again.body.next_batch }).toString()}`);
  expect(after.body.to_device).toBeUndefined();
  expect((await bob.sync(query)).to_device).toBeUndefined();
  expect(await alice.call("PUT", "/sendToDevice/my.type/t2", {})).toMatchObject({ status: 400 });
});

test("older prefixes are served too", async () => {
  const old = await alice.call("GET", `/../r0${mine("/account_data/org.example")}`);
  expect(old.status).toBe(200);
  expect((await alice.call("GET", `/../api/v1/presence/${encodeURIComponent(alice.userId)}/status`)).status).toBe(200);
});

test("somebody who comes to share a room is told of, present or not", async () => {
  const [anna, ben] = [await server.client("anna"), await server.client("ben")];
  const { body } = await anna.call("POST", "/createRoom", { preset: "public_chat" });
  await ben.sync({ set_presence: "offline" });
  await ben.call("POST", `/join/${encodeURIComponent(body.room_id)}`, {});
  const { presence } = await ben.sync({ set_presence: "offline" });
  expect(presence.events).toContainEqual({ type: "m.presence", sender: anna.userId, content: { presence: "offline" } });
});
