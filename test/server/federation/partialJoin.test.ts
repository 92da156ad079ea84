import type { JsonObject } from "../../../src/lib/json";
import { eventually } from "../../builders/eventually";
import { hostRoom, withholdMembers } from "../../builders/peerRoom";
import type { PeerRoom, Withheld } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;

beforeAll(async () => {
  f = await createFederated();
});
afterAll(() => f.close());

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
