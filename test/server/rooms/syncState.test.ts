import { createRoomsServer, enc } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
beforeAll(async () => {
  server = await createRoomsServer();
});
afterAll(() => server.close());

const filter = { room: { state: { lazy_load_members: true }, timeline: { limit: 1 } } };
const sync = (client: Client, since?: string): Promise<Answer["body"]> =>
  client.get(`/sync?filter=${enc(JSON.stringify(filter))}${since === undefined ? "" : `&since=${since}`}`);

test("a member is sent once, and again to a client that did not get the answer", async () => {
  const [alice, bob] = await Promise.all([server.client("alice"), server.client("bob")]);
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  await alice.text(roomId, "so that Bob is not shown");
  const members = (answer: Answer["body"]): string[] =>
    answer.rooms.join[roomId].state.events
      .filter(({ type }: { type: string }) => type === "m.room.member")
      .map(({ state_key: key }: { state_key: string }) => key);
  const first = await sync(alice);
  // Heroes, who name the room, come in any case: the room gets a name.
  await alice.setState(roomId, "m.room.name", { name: "Named" });
  const { next_batch: since } = await sync(alice, first.next_batch);
  await bob.text(roomId, "1");
  const lost = await sync(alice, since);
  expect(members(lost)).toEqual([bob.userId]);
  const again = await sync(alice, since);
  expect(members(again)).toEqual([bob.userId]);
  await bob.text(roomId, "2");
  expect(members(await sync(alice, again.next_batch))).toEqual([]);
});

test("state is that before the timeline, or that after it under the name that was asked for", async () => {
  const carol = await server.client("carol");
  const roomId = await carol.createRoom();
  await carol.setState(roomId, "m.room.name", { name: "Before" });
  const since = (await sync(carol)).next_batch;
  await carol.setState(roomId, "m.room.name", { name: "After" });
  await carol.text(roomId, "the only event of the timeline");
  const ask = async (query: string): Promise<Record<string, string[]>> => {
    const answer = await carol.get(`/sync?since=${since}&filter=${enc(JSON.stringify(filter))}${query}`);
    const { state, state_after, "org.matrix.msc4222.state_after": unstable } = answer.rooms.join[roomId];
    const sections = Object.entries({ state, state_after, unstable }).filter(([, section]) => section !== undefined);
    return Object.fromEntries(sections.map(([name, { events }]) => [name, events.map((event: Answer["body"]) => event.content.name)]));
  };
  expect(await ask("")).toEqual({ state: ["After"] });
  expect(await ask("&use_state_after=true")).toEqual({ state_after: ["After"] });
  expect(await ask("&org.matrix.msc4222.use_state_after=true")).toEqual({ unstable: ["After"] });
  expect(await ask("&use_state_after=false&org.matrix.msc4222.use_state_after=false")).toEqual({ state: ["After"] });
});

test("joined members come with their names as they are, and without those who left", async () => {
  const [dora, erik, fay] = await Promise.all([server.client("dora"), server.client("erik"), server.client("fay")]);
  await erik.put(`/profile/${enc(erik.userId)}/displayname`, { displayname: 'Erik "the Red" \\ \u2028' });
  const roomId = await dora.createRoom({ preset: "public_chat" });
  for (const client of [erik, fay]) await client.post(`/join/${enc(roomId)}`);
  await fay.post(`/rooms/${enc(roomId)}/leave`);
  expect(await dora.get(`/rooms/${enc(roomId)}/joined_members`)).toEqual({
    joined: {
      [dora.userId]: { display_name: "dora", avatar_url: null },
      [erik.userId]: { display_name: 'Erik "the Red" \\ \u2028', avatar_url: null },
    },
  });
});

test.each([
  ["from the end of it, if the client was told all", 5, ["created", "1", "2"]],
  ["from before the timeline, if there is more", 2, ["created"]],
])("history goes on %s", async (_where, limit, bodies) => {
  const erin = await server.client(`erin${limit}`);
  const roomId = await erin.createRoom({ initial_state: [], preset: "public_chat" });
  for (const body of ["created", "1", "2"]) await erin.text(roomId, body);
  const only = { types: ["m.room.message"] };
  const first = await erin.get(`/sync?filter=${enc(JSON.stringify({ room: { timeline: { ...only, limit } } }))}`);
  const { timeline } = first.rooms.join[roomId];
  expect(timeline.limited).toBe(limit < 3);
  const history = `/rooms/${enc(roomId)}/messages?dir=b&limit=50`;
  const page = await erin.get(`${history}&from=${timeline.prev_batch}&filter=${enc(JSON.stringify(only))}`);
  expect(page.chunk.map((event: Answer["body"]) => event.content.body).reverse()).toEqual(bodies);
  const last = await erin.get(`${history}&from=${page.end}`);
  expect(last.chunk.some((event: Answer["body"]) => event.type === "m.room.message")).toBe(false);
});

test("a page of history from the beginning comes with those who speak in it", async () => {
  const frank = await server.client("frank");
  const roomId = await frank.createRoom();
  await frank.text(roomId, "hello");
  const lazy = enc(JSON.stringify({ lazy_load_members: true }));
  const { state } = await frank.get(`/rooms/${enc(roomId)}/messages?dir=b&limit=50&filter=${lazy}`);
  expect(state.map(({ type, state_key: key }: Answer["body"]) => [type, key])).toEqual([["m.room.member", frank.userId]]);
});
