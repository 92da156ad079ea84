import { createRoomsServer, enc, roomPath } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
});
afterAll(() => server.close());

type Event = { type: string; room_id?: string; content: Record<string, unknown>; [key: string]: unknown };
const bodies = (events: Event[]): unknown[] => events.filter(({ type }) => type === "m.room.message").map(({ content }) => content["body"]);
const ofType = (events: Event[], type: string): Event[] => events.filter((event) => event.type === type);

/** Reads the stream from a token until the chunk has what is wanted. */
async function eventsUntil(
  client: Client,
  from: string,
  wanted: (events: Event[]) => boolean,
  query = "",
): Promise<{ all: Event[]; end: string }> {
  const all: Event[] = [];
  let end = from;
  for (let i = 0; i < 20; i++) {
    const body = await client.get(`/events?from=${end}&timeout=5000${query}`);
    expect(body.start).toBe(end);
    all.push(...body.chunk);
    end = body.end;
    if (wanted(all)) return { all, end };
  }
  throw new Error("never came down the stream");
}

test("the event stream goes through everything in order, page by page, in the old format", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  const { end: start } = await alice.get("/events?timeout=0");
  const ids: string[] = [];
  for (let i = 0; i < 7; i++) ids.push(await alice.text(roomId, `message ${i}`));
  const seen: Event[] = [];
  let from = start;
  while (ofType(seen, "m.room.message").length < 7) {
    const body = await alice.get(`/events?from=${from}&timeout=500&limit=3`);
    expect(ofType(body.chunk, "m.room.message").length).toBeLessThanOrEqual(3);
    seen.push(...body.chunk);
    from = body.end;
  }
  expect(ofType(seen, "m.room.message").map((event) => event["event_id"])).toEqual(ids);
  expect(seen.find(({ type }) => type === "m.room.message")).toMatchObject({
    room_id: roomId,
    user_id: alice.userId,
    age: expect.any(Number),
  });
  expect((await alice.get(`/events?from=${from}&timeout=0`)).chunk.filter((e: Event) => e.type !== "m.presence")).toEqual([]);
});

test("a waiting request ends with what happens: messages, invitations, receipts, typing, account data, presence", async () => {
  const roomId = await alice.createRoom({ preset: "private_chat" });
  const { end } = await bob.get("/events?timeout=0");
  const waiting = eventsUntil(bob, end, (all) => ofType(all, "m.room.member").length > 0);
  await alice.post(`${roomPath(roomId)}/invite`, { user_id: bob.userId });
  const invited = await waiting;
  expect(ofType(invited.all, "m.room.member")).toMatchObject([
    { room_id: roomId, state_key: bob.userId, content: { membership: "invite" } },
  ]);
  await bob.post(`${roomPath(roomId)}/join`);
  const joined = await eventsUntil(bob, invited.end, (all) =>
    ofType(all, "m.room.member").some(({ content }) => content["membership"] === "join"),
  );

  const eventId = await alice.text(roomId, "hello");
  await alice.post(`${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`);
  await alice.put(`${roomPath(roomId)}/typing/${enc(alice.userId)}`, { typing: true });
  await bob.put(`/user/${enc(bob.userId)}/account_data/org.example`, { n: 1 });
  await bob.put(`/user/${enc(bob.userId)}${roomPath(roomId)}/tags/u.tag`, { order: 1 });
  await alice.put(`/presence/${enc(alice.userId)}/status`, { presence: "online", status_msg: "here" });
  const types = ["m.room.message", "m.receipt", "m.typing", "org.example", "m.tag", "m.presence"];
  const { all } = await eventsUntil(bob, joined.end, (events) => types.every((type) => ofType(events, type).length > 0));
  expect(ofType(all, "m.receipt")[0]).toMatchObject({
    room_id: roomId,
    content: { [eventId]: { "m.read": { [alice.userId]: { ts: expect.any(Number) } } } },
  });
  expect(ofType(all, "m.typing")[0]).toEqual({ type: "m.typing", room_id: roomId, content: { user_ids: [alice.userId] } });
  expect(ofType(all, "org.example")).toEqual([{ type: "org.example", content: { n: 1 } }]);
  expect(ofType(all, "m.tag")).toEqual([{ type: "m.tag", room_id: roomId, content: { tags: { "u.tag": { order: 1 } } } }]);
  expect(ofType(all, "m.presence").map(({ content }) => content["user_id"])).toContain(alice.userId);
});

test("initialSync shows joined rooms and invitations, and those left when asked to", async () => {
  const carol = await server.client("carol");
  const [joined, left, invited] = [await carol.createRoom(), await carol.createRoom(), await alice.createRoom({ invite: [carol.userId] })];
  await carol.text(joined, "one");
  await carol.text(joined, "two");
  await carol.put(`/user/${enc(carol.userId)}${roomPath(joined)}/account_data/org.example`, { n: 2 });
  await carol.put(`/user/${enc(carol.userId)}/account_data/org.example`, { n: 1 });
  await carol.post(`${roomPath(left)}/leave`);
  const body = await carol.get("/initialSync?limit=1");
  const rooms = new Map<string, Answer["body"]>(body.rooms.map((room: { room_id: string }) => [room.room_id, room]));
  expect([...rooms.keys()].sort()).toEqual([joined, invited].sort());
  expect(rooms.get(invited)).toMatchObject({ membership: "invite", inviter: alice.userId, invite: { content: { membership: "invite" } } });
  expect(rooms.get(invited).state).toBeUndefined();
  expect(rooms.get(joined)).toMatchObject({
    membership: "join",
    visibility: "private",
    account_data: [{ type: "org.example", content: { n: 2 } }],
  });
  expect(bodies(rooms.get(joined).messages.chunk)).toEqual(["two"]);
  expect(body.account_data).toEqual([{ type: "org.example", content: { n: 1 } }]);
  const older = await carol.get(`${roomPath(joined)}/messages?dir=b&limit=1&from=${rooms.get(joined).messages.start}`);
  expect(bodies(older.chunk)).toEqual(["one"]);
  await carol.text(joined, "three");
  expect(bodies((await carol.get(`/events?from=${body.end}&timeout=0`)).chunk)).toEqual(["three"]);
  const archived = await carol.get("/initialSync?limit=0&archived=true");
  expect(archived.rooms.find((room: { room_id: string }) => room.room_id === left)).toMatchObject({
    membership: "leave",
    messages: { chunk: [] },
  });
});

test("the initial sync of a room that was left shows it as it was then", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat", name: "before" });
  await bob.post(`${roomPath(roomId)}/join`);
  await alice.text(roomId, "before");
  await bob.post(`${roomPath(roomId)}/leave`);
  await alice.setState(roomId, "m.room.name", { name: "after" });
  await alice.text(roomId, "after");
  const body = await bob.get(`${roomPath(roomId)}/initialSync?limit=2`);
  expect(body).toMatchObject({ membership: "leave", presence: [], receipts: [] });
  expect(bodies(body.messages.chunk)).toEqual(["before"]);
  expect(ofType(body.state, "m.room.name")).toMatchObject([{ content: { name: "before" } }]);
});

test("a world readable room can be peeked into, others cannot", async () => {
  const [guest, roomId] = [await server.guest(), await alice.createRoom()];
  await alice.text(roomId, "private");
  expect((await guest.call("GET", `${roomPath(roomId)}/initialSync`)).status).toBe(403);
  expect((await guest.call("GET", `/events?room_id=${enc(roomId)}&timeout=0`)).status).toBe(403);
  expect((await guest.call("GET", "/events?timeout=0")).status).toBe(400);
  await alice.setState(roomId, "m.room.history_visibility", { history_visibility: "world_readable" });
  await alice.text(roomId, "public");
  const body = await guest.get(`${roomPath(roomId)}/initialSync`);
  expect(body.membership).toBeUndefined();
  expect(bodies(body.messages.chunk)).toEqual(["public"]);
  const waiting = eventsUntil(guest, body.messages.end, (all) => bodies(all).length > 0, `&room_id=${enc(roomId)}`);
  await alice.text(roomId, "news");
  expect(bodies((await waiting).all)).toEqual(["news"]);
});

test.each(["limit=hello", "limit=-2", "timeout=hello"])("GET /events?%s is refused", async (query) => {
  expect((await alice.call("GET", `/events?${query}`)).status).toBe(400);
});

test("guests leave a room that closes to them", async () => {
  const [guest, roomId] = [await server.guest(), await alice.createRoom({ preset: "public_chat" })];
  await alice.setState(roomId, "m.room.guest_access", { guest_access: "can_join" });
  await guest.post(`${roomPath(roomId)}/join`);
  const { end } = await alice.get("/events?timeout=0");
  await alice.setState(roomId, "m.room.guest_access", { guest_access: "forbidden" });
  const { all } = await eventsUntil(alice, end, (events) => ofType(events, "m.room.member").length > 0);
  expect(ofType(all, "m.room.member")).toMatchObject([{ state_key: guest.userId, sender: guest.userId, content: { membership: "leave" } }]);
});
