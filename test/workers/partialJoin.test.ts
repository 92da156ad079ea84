import { rendezvous } from "../../src/replication/rendezvous";
import type { TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";
import { createPeer, peerConfig } from "../builders/peer";
import type { Peer } from "../builders/peer";
import { hostRoom, withholdMembers } from "../builders/peerRoom";

/** Two share the rooms; a third fetches what was left out of them. */
const writers = ["worker1", "worker2"];
let deployment: TestDeployment;
let peer: Peer;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  deployment = await startDeployment({
    workers: [...writers, "background"],
    shared: { ...peerConfig, stream_writers: { events: writers }, run_background_tasks_on: "background" },
  });
  peer = await createPeer({ url: deployment.url("main"), serverName: "test.local" });
  peer.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
  [alice, bob] = await Promise.all([deployment.user("alice"), deployment.user("bob", "background")]);
});
afterAll(async () => {
  await deployment?.close();
  await peer?.close();
});

const enc = encodeURIComponent;
const LIMIT_MS = 60_000;

/** A room of the peer with members that `owner` writes here. */
function roomOf(owner: string) {
  for (;;) {
    const room = hostRoom(peer, peer.user("creator"));
    if (rendezvous(writers, room.roomId) !== owner) continue;
    for (let i = 0; i < 5; i++) {
      const userId = peer.user(`member${i}`);
      room.make({ type: "m.room.member", sender: userId, stateKey: userId, content: { membership: "join" } });
    }
    return room;
  }
}

const askedFor = (roomId: string): number => peer.requests.filter(({ path }) => path.endsWith(`/state_ids/${roomId}`)).length;

test("all members of a room come although its owner and who fetches them are killed meanwhile", async () => {
  const room = roomOf("worker1");
  const { roomId } = room;
  const withheld = withholdMembers(peer, room);
  const since = (await alice.ok("GET", "/sync?timeout=0")).next_batch;
  await alice.ok("POST", `/join/${enc(roomId)}?server_name=${enc(peer.name)}`, {});
  await alice.say(roomId, "first");
  await eventually(() => askedFor(roomId) === 1, LIMIT_MS);
  const hidden = await alice.ok("GET", `/sync?timeout=0&since=${since}`);
  expect(hidden.rooms?.join?.[roomId]).toBeUndefined();

  await Promise.all([deployment.process("worker1").kill(), deployment.process("background").kill()]);
  await alice.say(roomId, "second");
  await deployment.start("background");
  await eventually(() => askedFor(roomId) === 2, LIMIT_MS);
  await deployment.start("worker1");
  const waiting = alice.ok("GET", `/sync?timeout=60000&since=${hidden.next_batch}`);
  withheld.release();
  const shown = (await waiting).rooms.join[roomId];
  expect(shown.timeline.events.map(({ content }: { content: { body?: string } }) => content.body)).toEqual(
    expect.arrayContaining(["first", "second"]),
  );
  const { joined } = await alice.ok("GET", `/rooms/${enc(roomId)}/joined_members`);
  expect(Object.keys(joined)).toHaveLength(7);

  // Who comes now finds a whole room, on whatever process.
  await bob.join(roomId);
  expect(Object.keys((await bob.ok("GET", `/rooms/${enc(roomId)}/joined_members`)).joined)).toHaveLength(8);
  expect(peer.requests.filter(({ path }) => path.includes(`/send_join/${roomId}`))).toHaveLength(1);
}, 180_000);
