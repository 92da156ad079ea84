import { createRoomsServer, enc, roomPath, v1 } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;
let roomId: string;
let room: string;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
});
beforeEach(async () => {
  roomId = await alice.createRoom({ preset: "public_chat" });
  room = roomPath(roomId);
  await bob.post(`${room}/join`);
});
afterAll(() => server.close());

type Event = { event_id: string; content: { body?: string } };
const relate = (
  client: Client,
  target: string,
  relType: string,
  more: Record<string, unknown> = {},
  type = "m.room.message",
): Promise<string> =>
  client.send(
    roomId,
    {
      msgtype: "m.text",
      body: relType,
      ...more,
      "m.relates_to": { rel_type: relType, event_id: target, ...(more["key"] ? { key: more["key"] } : {}) },
    },
    type,
  );
const edit = (client: Client, target: string, body: string): Promise<string> =>
  relate(client, target, "m.replace", { body: `* ${body}`, "m.new_content": { msgtype: "m.text", body } });
let redactions = 0;
const redact = (client: Client, eventId: string): Promise<unknown> =>
  client.put(`${room}/redact/${enc(eventId)}/redact${redactions++}`, {});
const bundle = async (client: Client, eventId: string): Promise<Answer["body"]> =>
  (await client.get(`${room}/event/${enc(eventId)}`)).unsigned["m.relations"];
const relations = (client: Client, eventId: string, rest = ""): Promise<Answer["body"]> =>
  client.get(v1(`${room}/relations/${enc(eventId)}${rest}`));
const ids = (events: Event[]): string[] => events.map((event) => event.event_id);

test("an event shows its newest valid edit, and none once that is redacted or it is itself", async () => {
  const target = await alice.text(roomId, "original");
  expect(await bundle(bob, target)).toBeUndefined();
  const first = await edit(alice, target, "first");
  expect((await bundle(bob, target))["m.replace"].event_id).toBe(first);
  const second = await edit(alice, target, "second");
  await edit(bob, target, "not his own");
  await relate(alice, target, "m.replace", { body: "without new content" });
  await relate(alice, target, "m.replace", { body: "other type", "m.new_content": {} }, "org.example.other");
  const { "m.replace": shown } = await bundle(bob, target);
  expect(shown).toMatchObject({
    event_id: second,
    sender: alice.userId,
    room_id: roomId,
    content: { "m.new_content": { body: "second" } },
  });
  expect((await alice.get(`${room}/event/${enc(target)}`)).content.body).toBe("original");
  await redact(alice, second);
  expect((await bundle(bob, target))["m.replace"].event_id).toBe(first);
  await redact(alice, target);
  expect(await bundle(bob, target)).toBeUndefined();
});

test("a thread is summed up for each reader", async () => {
  const root = await alice.text(roomId, "root");
  const inThread = await relate(bob, root, "m.thread", { body: "one" });
  await relate(bob, root, "m.thread", { body: "two" });
  const latest = await relate(alice, root, "m.thread", { body: "three" });
  const edited = await edit(alice, latest, "III");
  const carol = await server.client("carol1");
  await carol.post(`${room}/join`);
  expect((await bundle(bob, root))["m.thread"]).toMatchObject({
    count: 3,
    current_user_participated: true,
    latest_event: { event_id: latest, unsigned: { "m.relations": { "m.replace": { event_id: edited } } } },
  });
  expect((await bundle(carol, root))["m.thread"].current_user_participated).toBe(false);
  await relate(carol, root, "m.thread", { body: "four" });
  expect((await bundle(carol, root))["m.thread"]).toMatchObject({ count: 4, current_user_participated: true });
  await bob.put(`/user/${enc(bob.userId)}/account_data/m.ignored_user_list`, { ignored_users: { [carol.userId]: {} } });
  expect((await bundle(bob, root))["m.thread"]).toMatchObject({ count: 3, latest_event: { event_id: latest } });
  await redact(alice, latest);
  expect((await bundle(alice, root))["m.thread"]).toMatchObject({ count: 3 });
  const refused = await alice.call("PUT", `${room}/send/m.room.message/x`, {
    body: "",
    "m.relates_to": { rel_type: "m.thread", event_id: inThread },
  });
  expect(refused).toMatchObject({ status: 400, body: { errcode: "M_UNKNOWN" } });
});

test("what refers to an event is listed; reactions, edits and state are not summed up", async () => {
  const target = await alice.text(roomId, "target");
  const references = [await relate(bob, target, "m.reference"), await relate(alice, target, "m.reference")];
  const reaction = await relate(bob, target, "m.annotation", { key: "+" }, "m.reaction");
  await relate(alice, reaction, "m.reference");
  expect(await bundle(bob, target)).toEqual({ "m.reference": { chunk: references.map((event_id) => ({ event_id })) } });
  expect(await bundle(bob, reaction)).toBeUndefined();
});

test("aggregations come with a sync, with pages and with context", async () => {
  const { next_batch: since } = await bob.get("/sync");
  const target = await alice.text(roomId, "original");
  const replacement = await edit(alice, target, "new");
  const answers = [
    (await bob.get(`/sync?since=${since}`)).rooms.join[roomId].timeline.events,
    (await bob.get(`${room}/messages?dir=b&limit=5`)).chunk,
    (await bob.get(`${room}/context/${enc(replacement)}?limit=4`)).events_before,
    [(await bob.get(`${room}/context/${enc(target)}?limit=0`)).event],
  ];
  for (const events of answers) {
    const found = events.find((event: Event) => event.event_id === target);
    expect(found.unsigned["m.relations"]["m.replace"].event_id).toBe(replacement);
  }
});

test("children are listed by kind, page by page in both directions, without redacted ones", async () => {
  const target = await alice.text(roomId, "target");
  const reference = await relate(bob, target, "m.reference");
  const reactions: string[] = [];
  for (const key of ["a", "b", "c"]) reactions.push(await relate(bob, target, "m.annotation", { key }, "m.reaction"));
  const gone = await relate(bob, target, "m.annotation", { key: "d" }, "m.reaction");
  await redact(bob, gone);
  expect(ids((await relations(alice, target)).chunk)).toEqual([...reactions, reference].sort((a, b) => order(a) - order(b)).reverse());
  expect(ids((await relations(alice, target, "/m.reference")).chunk)).toEqual([reference]);
  expect(ids((await relations(alice, target, "/m.annotation/m.reaction")).chunk)).toEqual([...reactions].reverse());
  expect((await relations(alice, target, "/m.annotation/m.room.message")).chunk).toEqual([]);
  expect((await alice.get(`/_matrix/client/unstable${room}/relations/${enc(target)}`)).original_event.event_id).toBe(target);
  for (const [dir, expected] of [
    ["b", [...reactions].reverse()],
    ["f", reactions],
  ] as const) {
    const first = await relations(alice, target, `/m.annotation?limit=2&dir=${dir}`);
    const second = await relations(alice, target, `/m.annotation?limit=2&dir=${dir}&from=${first.next_batch}`);
    expect([...ids(first.chunk), ...ids(second.chunk)]).toEqual(expected);
    expect(first.prev_batch).toBeUndefined();
    expect(second).toMatchObject({ prev_batch: first.next_batch });
    expect(second.next_batch).toBeUndefined();
    const upTo = await relations(alice, target, `/m.annotation?dir=${dir}&to=${first.next_batch}`);
    expect(ids(upTo.chunk)).toEqual(ids(first.chunk));
  }

  function order(eventId: string): number {
    return eventId === reference ? 0 : 1 + reactions.indexOf(eventId);
  }
});

test("relations of relations are followed three levels deep", async () => {
  const root = await alice.text(roomId, "root");
  const chain = [root];
  for (let i = 0; i < 4; i++) chain.push(await relate(alice, chain.at(-1) ?? "", "m.reference"));
  const answer = await relations(bob, root, "?recurse=true&dir=f");
  expect(ids(answer.chunk)).toEqual(chain.slice(1, 4));
  expect(answer.recursion_depth).toBe(3);
  expect(ids((await relations(bob, root)).chunk)).toEqual(chain.slice(1, 2));
});

test("relations are for those who can see the parent", async () => {
  const target = await alice.text(roomId, "target");
  const stranger = await server.client("stranger");
  expect((await stranger.call("GET", v1(`${room}/relations/${enc(target)}`))).status).toBe(403);
  expect((await alice.call("GET", v1(`${room}/relations/$nothing`))).status).toBe(404);
});

test("threads are listed by their newest events, all or those the user took part in", async () => {
  const [a, b, c] = [await alice.text(roomId, "a"), await alice.text(roomId, "b"), await bob.text(roomId, "c")];
  for (const [client, root] of [
    [alice, a],
    [bob, b],
    [alice, c],
    [alice, a],
  ] as const)
    await relate(client, root, "m.thread");
  const all = await bob.get(v1(`${room}/threads`));
  expect(ids(all.chunk)).toEqual([a, c, b]);
  expect(all.chunk[0].unsigned["m.relations"]["m.thread"].count).toBe(2);
  expect(all.next_batch).toBeUndefined();
  expect(ids((await bob.get(v1(`${room}/threads?include=participated`))).chunk)).toEqual([c, b]);
  const first = await bob.get(v1(`${room}/threads?limit=2`));
  expect(ids(first.chunk)).toEqual([a, c]);
  const second = await bob.get(v1(`${room}/threads?limit=2&from=${first.next_batch}`));
  expect(ids(second.chunk)).toEqual([b]);
  expect((await bob.call("GET", v1(`${room}/threads?from=nonsense`))).body.errcode).toBe("M_INVALID_PARAM");
  await bob.put(`/user/${enc(bob.userId)}/account_data/m.ignored_user_list`, { ignored_users: { [alice.userId]: {} } });
  const ignoring = await bob.get(v1(`${room}/threads`));
  expect(ignoring.chunk.map((event: Event) => event.content.body)).toEqual([undefined, "c", undefined]);
  await bob.put(`/user/${enc(bob.userId)}/account_data/m.ignored_user_list`, { ignored_users: {} });
});

test("whether anything relates to a new event is known without asking", async () => {
  const { caches } = server.app;
  const [lonely, target] = [await alice.text(roomId, "lonely"), await alice.text(roomId, "target")];
  await edit(alice, target, "new");
  const events = await caches.events.byIds([lonely, target]);
  expect(caches.relations.maybeRelated([...events.values()]).map(({ row }) => row.eventId)).toEqual([target]);
});
