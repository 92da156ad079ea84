import { positionsNow } from "../../../src/handlers/sync/sync";
import { createRoomsServer, enc } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
beforeAll(async () => {
  server = await createRoomsServer({ presence: { enabled: false } });
});
afterAll(() => server.close());

type Body = Answer["body"];

let people = 0;
const pair = (): Promise<[Client, Client]> => Promise.all([server.client(`alice${++people}`), server.client(`bob${people}`)]);

/** All but what differs from one moment to the next. */
const timeless = (answer: Body): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === "age" ? undefined : value)));

/** The same sync out of memory, and after memory has lost the newest events of the room. */
async function bothWays(client: Client, roomId: string, since: string, query = ""): Promise<{ near: unknown; far: unknown }> {
  const path = `/sync?since=${since}${query}`;
  const near = timeless(await client.get(path));
  const { app } = server;
  const room = await app.caches.rooms.byId(roomId);
  app.caches.tails.drop(room?.nid ?? 0, positionsNow(app).events);
  return { near, far: timeless(await client.get(path)) };
}

const filters: Readonly<Record<string, object | undefined>> = {
  none: undefined,
  lazy: { room: { state: { lazy_load_members: true }, timeline: { limit: 50 } } },
  senders: { room: { timeline: { not_senders: ["@nobody:example.org"], types: ["m.room.*"] } } },
  "few fields": { event_fields: ["type", "content.body"] },
  "federation format": { event_format: "federation" },
  short: { room: { timeline: { limit: 1 } } },
};

test.each(Object.entries(filters))("messages are told the same from memory and from the database (filter: %s)", async (_, filter) => {
  const [alice, bob] = await pair();
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  const query = filter ? `&filter=${enc(JSON.stringify(filter))}` : "";
  const first = (await alice.get(`/sync?${query.slice(1)}`)).next_batch;
  await bob.text(roomId, "so that Alice has been sent Bob");
  const since = (await alice.get(`/sync?since=${first}${query}`)).next_batch;
  await bob.text(roomId, "one");
  await alice.text(roomId, "two, with a transaction of her own");
  const { near, far } = await bothWays(alice, roomId, since, query);
  expect(near).toEqual(far);
  expect((near as Body).rooms.join[roomId].timeline.events.length).toBeGreaterThan(0);
});

test("what more than messages happened is told the same from memory and from the database", async () => {
  const [alice, bob] = await pair();
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  const root = await bob.text(roomId, "to be answered");
  const steps: (() => Promise<unknown>)[] = [
    () => alice.send(roomId, { body: "in a thread", "m.relates_to": { rel_type: "m.thread", event_id: root } }),
    async () => {
      const eventId = await bob.text(roomId, "to be edited");
      const edit = { body: "* edited", "m.new_content": { body: "edited" }, "m.relates_to": { rel_type: "m.replace", event_id: eventId } };
      await bob.send(roomId, edit);
    },
    async () => {
      const eventId = await bob.text(roomId, "to be redacted");
      await bob.put(`/rooms/${enc(roomId)}/redact/${enc(eventId)}/gone`, {});
    },
    () => alice.setState(roomId, "m.room.topic", { topic: "state" }),
  ];
  for (const step of steps) {
    const since = (await alice.get("/sync")).next_batch;
    await step();
    const { near, far } = await bothWays(alice, roomId, since);
    expect(near).toEqual(far);
    expect((near as Body).rooms.join[roomId]).toBeDefined();
  }
});

test("who comes back with the newest token is told nothing, and is woken by whatever happens next", async () => {
  const [alice, bob] = await pair();
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  await bob.get("/sync");
  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["rooms", () => alice.text(roomId, "news")],
    ["rooms", () => alice.put(`/rooms/${enc(roomId)}/typing/${enc(alice.userId)}`, { typing: true, timeout: 20_000 })],
    ["account_data", () => bob.put(`/user/${enc(bob.userId)}/account_data/org.example.one`, { is: "set" })],
    ["to_device", () => alice.put(`/sendToDevice/org.example.two/1`, { messages: { [bob.userId]: { "*": { is: "sent" } } } })],
  ];
  for (const [section, step] of steps) {
    const since = (await bob.get("/sync")).next_batch;
    const quiet = await bob.get(`/sync?since=${since}&timeout=0`);
    expect(Object.keys(quiet).sort()).toEqual([
      "device_one_time_keys_count",
      "device_unused_fallback_key_types",
      "next_batch",
      "org.matrix.msc2732.device_unused_fallback_key_types",
    ]);
    const waiting = bob.get(`/sync?since=${quiet.next_batch}&timeout=20000`);
    await step();
    expect(await waiting).toHaveProperty(section);
  }
});
