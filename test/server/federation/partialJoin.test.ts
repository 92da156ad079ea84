import type { JsonObject } from "../../../src/lib/json";
import { startFederationSender } from "../../../src/services/federationSender/sender";
import { eventually } from "../../builders/eventually";
import { createPeer } from "../../builders/peer";
import { createPeerRoom, hostRoom, withholdMembers } from "../../builders/peerRoom";
import type { PeerRoom, Withheld } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;

let sender: ReturnType<typeof startFederationSender>;

beforeAll(async () => {
  f = await createFederated();
  f.peer.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
  sender = startFederationSender(f.server.app);
});
afterAll(async () => {
  await sender.stop();
  await f.close();
});

const said = (body: string, sender = f.bob) => ({ sender, content: { msgtype: "m.text", body } });
const membership = (sender: string, membership: string, stateKey = sender) => ({
  type: "m.room.member",
  sender,
  stateKey,
  content: { membership, displayname: sender.slice(1, 6) } as JsonObject,
});

interface Partial {
  readonly room: PeerRoom;
  readonly withheld: Withheld;
  readonly members: readonly string[];
}

/** A room of the peer with more members, which Alice joins without them. */
async function joined(count = 5): Promise<Partial> {
  const room = hostRoom(f.peer, f.bob);
  const members = Array.from({ length: count }, (_, i) => f.peer.user(`member${i}`));
  for (const member of members) room.make(membership(member, "join"));
  const withheld = withholdMembers(f.peer, room);
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  return { room, withheld, members };
}

const isPartial = async (roomId: string): Promise<boolean> => {
  const { caches } = f.server.app;
  const room = await caches.rooms.byId(roomId);
  return room !== undefined && caches.partialRooms.has(room.nid);
};

/** Lets go of the state, and waits until the room is whole. */
async function complete({ room, withheld }: Partial): Promise<void> {
  withheld.release();
  await eventually(async () => !(await isPartial(room.roomId)));
}

const lazy = enc(JSON.stringify({ room: { state: { lazy_load_members: true } } }));
const joinedMembers = async (roomId: string): Promise<string[]> =>
  Object.keys((await f.alice.get(`${roomPath(roomId)}/joined_members`)).joined).sort();

test("a room is used at once that comes without its members, and they follow", async () => {
  const partial = await joined();
  const { room, members } = partial;
  const { roomId } = room;
  expect(await isPartial(roomId)).toBe(true);
  await room.send(room.make(said("welcome", members[2])));
  await eventually(async () => (await f.texts(roomId)).includes("welcome"));
  await f.alice.text(roomId, "thank you");
  const sync = await f.alice.get(`/sync?filter=${lazy}`);
  const shown = sync.rooms.join[roomId];
  expect([...shown.state.events, ...shown.timeline.events].map((event: { state_key?: string }) => event.state_key)).toContain(members[2]);
  await complete(partial);
  expect(await joinedMembers(roomId)).toEqual([f.alice.userId, f.bob, ...members].sort());
  expect(await f.texts(roomId)).toEqual(["welcome", "thank you"]);
});

const eager = async (since?: string) => f.alice.get(`/sync?timeout=0${since === undefined ? "" : `&since=${since}`}`);

test("a client that wants all members sees the room when they are there", async () => {
  const start = (await eager()).next_batch;
  const partial = await joined();
  const { roomId } = partial.room;
  await f.alice.text(roomId, "is anybody here?");
  const before = await eager(start);
  expect(before.rooms?.join?.[roomId]).toBeUndefined();
  expect((await eager()).rooms?.join?.[roomId]).toBeUndefined();
  const waiting = f.alice.get(`/sync?timeout=30000&since=${before.next_batch}`);
  await complete(partial);
  const after = await waiting;
  const shown = after.rooms.join[roomId];
  const keys = [...shown.state.events, ...shown.timeline.events].map((event: { state_key?: string }) => event.state_key);
  expect(keys).toEqual(expect.arrayContaining([...partial.members]));
  expect(shown.timeline.events.at(-1).content.body).toBe("is anybody here?");
  expect((await eager(after.next_batch)).rooms?.join?.[roomId]).toBeUndefined();
});

test("who asks for all members waits for them, and devices of theirs are to be asked for then", async () => {
  const partial = await joined();
  const { roomId } = partial.room;
  const since = (await f.alice.get(`/sync?filter=${lazy}`)).next_batch;
  const asked = ["members", "joined_members", "state", `state/m.room.member/${enc(partial.members[0] ?? "")}`];
  const answers = Promise.all(asked.map((path) => f.alice.get(`${roomPath(roomId)}/${path}`)));
  await complete(partial);
  const [members, joinedNow, state, member] = await answers;
  expect(members.chunk).toHaveLength(7);
  expect(Object.keys(joinedNow.joined)).toHaveLength(7);
  expect(state.filter(({ type }: { type: string }) => type === "m.room.member")).toHaveLength(7);
  expect(member.membership).toBe("join");
  const sync = await f.alice.get(`/sync?filter=${lazy}&since=${since}`);
  expect(sync.device_lists.changed).toEqual(expect.arrayContaining([...partial.members]));
});

test("what would not have been allowed is rejected once all members are known, and what follows it stands", async () => {
  const room = hostRoom(f.peer, f.bob);
  const [mallory, carol] = [f.peer.user("mallory"), f.peer.user("carol")];
  const wasIn = room.make(membership(mallory, "join"));
  room.make(membership(carol, "join"));
  room.make({ ...membership(mallory, "ban"), sender: f.bob });
  const withheld = withholdMembers(f.peer, room);
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  const [create, levels] = ["m.room.create", "m.room.power_levels"].map((type) => room.state.get(`${type}\u0000`));
  const auth = [create, levels, wasIn].flatMap((event) => event ?? []);
  const bad = room.fork({ type: "m.room.topic", sender: mallory, stateKey: "", content: { topic: "bad" }, auth });
  const badMessage = room.fork({ ...said("I was banned", mallory), auth });
  const after = room.fork({ ...said("after", carol), prev: [badMessage] });
  await room.send(bad, badMessage, after);
  await eventually(async () => (await f.texts(room.roomId)).includes("after"));
  await complete({ room, withheld, members: [] });
  expect(await f.texts(room.roomId)).toEqual(["after"]);
  expect(await joinedMembers(room.roomId)).toEqual([f.alice.userId, f.bob, carol].sort());
  await f.alice.text(room.roomId, "on we go");
  const sent = await sentWith(room.roomId, (content) => content["body"] === "on we go");
  expect(sent["prev_events"]).toEqual([after.eventId]);
});

/** An event that the peer was sent. */
async function sentWith(roomId: string, matches: (content: JsonObject) => boolean): Promise<JsonObject> {
  const find = () =>
    f.peer.requests
      .filter(({ method, path }) => method === "PUT" && path.startsWith("/_matrix/federation/v1/send/"))
      .flatMap(({ body }) => body.pdus as JsonObject[])
      .find((pdu) => pdu["room_id"] === roomId && matches(pdu["content"] as JsonObject));
  await eventually(() => find() !== undefined);
  return find() ?? {};
}

test("a list of sliding sync that wants all members has the room when they are there", async () => {
  const partial = await joined();
  const { roomId } = partial.room;
  const shownIn = async (name: string): Promise<string[]> => {
    const list = (required: readonly string[][]) => ({ ranges: [[0, 50]], required_state: required, timeline_limit: 1 });
    const body = { lists: { all: list([["m.room.member", "*"]]), lazy: list([["m.room.member", "$LAZY"]]) } };
    const wanted = { lists: { [name]: body.lists[name as keyof typeof body.lists] } };
    return Object.keys((await f.alice.post("/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0", wanted)).rooms);
  };
  expect(await shownIn("lazy")).toContain(roomId);
  expect(await shownIn("all")).not.toContain(roomId);
  await complete(partial);
  expect(await shownIn("all")).toContain(roomId);
});

test("servers that were not named with the join hear of devices once they are known to be there", async () => {
  const other = await createPeer({ url: f.server.url, serverName: "test.local" });
  other.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
  const room = hostRoom(f.peer, f.bob);
  const theirs = createPeerRoom(other, room.roomId, "10");
  for (const [key, event] of room.state) theirs.state.set(key, event);
  theirs.tip = room.tip;
  const hidden = theirs.make(membership(other.user("hidden"), "join"));
  room.take(hidden.pdu);
  const withheld = withholdMembers(f.peer, room);
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  const heard = () => other.requests.flatMap(({ body }) => (body?.edus ?? []) as { edu_type: string; content: JsonObject }[]);
  await f.alice.text(room.roomId, "hello");
  await complete({ room, withheld, members: [] });
  await eventually(() =>
    heard().some(({ edu_type: type, content }) => type === "m.device_list_update" && content["user_id"] === f.alice.userId),
  );
  expect(other.requests.flatMap(({ body }) => body?.pdus ?? [])).toEqual([]);
  await other.close();
});

test("other servers are told that the room is not complete, and may join elsewhere", async () => {
  const partial = await joined();
  const { room } = partial;
  const ask = (path: string) => f.peer.call("GET", path);
  const tip = enc(room.tip[0]?.eventId ?? "");
  expect(await ask(`/make_join/${enc(room.roomId)}/${enc(f.peer.user("dave"))}?ver=10`)).toMatchObject({
    status: 404,
    body: { errcode: "M_NOT_FOUND" },
  });
  for (const path of [`state/${enc(room.roomId)}?event_id=${tip}`, `state_ids/${enc(room.roomId)}?event_id=${tip}`, `event/${tip}`]) {
    expect(await ask(`/${path}`)).toMatchObject({ status: 403, body: { errcode: "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE" } });
  }
  await complete(partial);
  expect((await ask(`/state_ids/${enc(room.roomId)}?event_id=${tip}`)).status).toBe(200);
  expect((await ask(`/make_join/${enc(room.roomId)}/${enc(f.peer.user("dave"))}?ver=10`)).status).toBe(200);
});

test("a second user gets in with the help of others while members are missing", async () => {
  const partial = await joined();
  const { room } = partial;
  const dora = await f.server.client(`dora${Date.now()}`);
  const joins = () => f.peer.requests.filter(({ path }) => path.includes(`/send_join/${room.roomId}`)).length;
  expect(joins()).toBe(1);
  // of whom we hear nothing but that they are in the state before the second join
  const between = f.peer.user("between");
  room.make(membership(between, "join"));
  await dora.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  expect(joins()).toBe(2);
  await dora.text(room.roomId, "me too");
  await complete(partial);
  expect(await joinedMembers(room.roomId)).toEqual([f.alice.userId, dora.userId, f.bob, between, ...partial.members].sort());
  expect(await f.texts(room.roomId)).toEqual(["me too"]);
});

test("what our users say goes to the servers that are said to be in the room", async () => {
  const other = await createPeer({ url: f.server.url, serverName: "test.local" });
  other.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
  const room = hostRoom(f.peer, f.bob);
  const withheld = withholdMembers(f.peer, room, [f.peer.name, other.name]);
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  const sent = () =>
    other.requests.flatMap(({ body }) => (body?.pdus ?? []) as { content: JsonObject }[]).map(({ content }) => content["body"]);
  await f.alice.text(room.roomId, "are you there?");
  await eventually(() => sent().includes("are you there?"));
  await complete({ room, withheld, members: [] });
  await f.alice.text(room.roomId, "you never were");
  await sentWith(room.roomId, (content) => content["body"] === "you never were");
  expect(sent()).not.toContain("you never were");
  await other.close();
});

test("who leaves before the members have come need not wait, and may come again", async () => {
  const partial = await joined();
  const { room, withheld } = partial;
  await f.alice.post(`${roomPath(room.roomId)}/leave`);
  f.server.app.partialJoins.wake();
  withheld.release();
  await eventually(async () => !(await isPartial(room.roomId)));
  room.take(await sentWith(room.roomId, (content) => content["membership"] === "leave"));
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`);
  await eventually(async () => !(await isPartial(room.roomId)));
  expect(await joinedMembers(room.roomId)).toEqual([f.alice.userId, f.bob, ...partial.members].sort());
});
