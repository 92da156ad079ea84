import { reactivateAccount } from "../../../src/handlers/account/reactivate";
import { createRoomsServer, enc, roomPath, v1 } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
beforeAll(async () => {
  server = await createRoomsServer();
});
afterAll(() => server.close());

type Event = Answer["body"];
const whole = { msgtype: "m.text", body: "personal" };

function erase(client: Client): Promise<Answer["body"]> {
  const identifier = { type: "m.id.user", user: client.userId };
  return client.post("/account/deactivate", { auth: { type: "m.login.password", identifier, password: "sUp3r s3kr1t" }, erase: true });
}

/** The content of an event by all ways on which a client comes to it. */
async function contentsFor(client: Client, roomId: string, eventId: string, after: string): Promise<Record<string, unknown>> {
  const of = (events: readonly Event[]): unknown => events.find((event) => event.event_id === eventId)?.content;
  const sync = await client.get(`/sync?filter=${enc(JSON.stringify({ room: { timeline: { limit: 30 } } }))}`);
  const page = await client.get(`${roomPath(roomId)}/messages?dir=b&limit=50`);
  const context = await client.get(`${roomPath(roomId)}/context/${enc(after)}?limit=20`);
  const single = await client.get(`${roomPath(roomId)}/event/${enc(eventId)}`);
  const legacy = await client.get(`${roomPath(roomId)}/initialSync?limit=30`);
  const sliding = await client.post("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", {
    room_subscriptions: { [roomId]: { timeline_limit: 30, required_state: [] } },
  });
  return {
    sync: of(sync.rooms.join[roomId].timeline.events),
    messages: of(page.chunk),
    context: of(context.events_before),
    event: single.content,
    legacy: of(legacy.messages.chunk),
    sliding: of(sliding.rooms[roomId].timeline),
  };
}
const everywhere = (content: unknown) => ({
  sync: content,
  messages: content,
  context: content,
  event: content,
  legacy: content,
  sliding: content,
});

test("what an erased user said is shown to those alone who were there", async () => {
  const [alice, bob, carol] = [await server.client("alice"), await server.client("bob"), await server.client("carol")];
  const roomId = await alice.createRoom({ preset: "public_chat", name: "Ours" });
  await bob.post(`${roomPath(roomId)}/join`);
  const said = await alice.text(roomId, "personal");
  const topic = await alice.setState(roomId, "m.room.topic", { topic: "a topic" });
  await carol.post(`${roomPath(roomId)}/join`);
  const later = await alice.text(roomId, "to all of you");
  expect(await contentsFor(carol, roomId, said, later)).toEqual(everywhere(whole));
  await erase(alice);
  expect(await contentsFor(carol, roomId, said, later)).toEqual(everywhere({}));
  expect(await contentsFor(carol, roomId, later, later)).toMatchObject({
    sync: { body: "to all of you" },
    messages: { body: "to all of you" },
  });
  // The others find the event in the cache as it was stored.
  expect(await contentsFor(bob, roomId, said, later)).toEqual(everywhere(whole));

  // What the room goes by is no longer hers.
  expect(await carol.get(`${roomPath(roomId)}/state/m.room.topic`)).toEqual({ topic: "a topic" });
  expect((await contentsFor(carol, roomId, topic, later))["sync"]).toEqual({ topic: "a topic" });

  await reactivateAccount(server.app, alice.userId);
  expect(await contentsFor(carol, roomId, said, later)).toEqual(everywhere(whole));
});

test("edits and threads say no more than the events themselves", async () => {
  const [dora, emil] = [await server.client("dora"), await server.client("emil")];
  const roomId = await dora.createRoom({ preset: "public_chat" });
  const root = await dora.text(roomId, "root");
  const edit = { msgtype: "m.text", body: "* edited", "m.new_content": { msgtype: "m.text", body: "edited" } };
  await dora.send(roomId, { ...edit, "m.relates_to": { rel_type: "m.replace", event_id: root } });
  await dora.send(roomId, { ...whole, "m.relates_to": { rel_type: "m.thread", event_id: root } });
  await emil.post(`${roomPath(roomId)}/join`);
  const read = async () => (await emil.get(`${roomPath(roomId)}/event/${enc(root)}`)).unsigned["m.relations"];
  expect(await read()).toMatchObject({ "m.replace": { content: edit }, "m.thread": { latest_event: { content: whole } } });
  await erase(dora);
  const relations = await read();
  expect(relations["m.replace"]).toBeUndefined();
  expect(relations["m.thread"].latest_event.content).toEqual({});
  const { chunk } = await emil.get(v1(`${roomPath(roomId)}/relations/${enc(root)}`));
  expect(chunk.map(({ content }: Event) => content)).toEqual([{}, {}]);
});
