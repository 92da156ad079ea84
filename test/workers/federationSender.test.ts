import { rendezvous } from "../../src/replication/rendezvous";
import { slotKey, slotOf } from "../../src/remote/senderSlots";
import { register } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";
import { createPeer, peerConfig } from "../builders/peer";
import type { Peer } from "../builders/peer";
import { joinPeer } from "../builders/peerRoom";

const send = "PUT /_matrix/federation/v1/send/";
const senders = ["sender1", "sender2"];
let deployment: TestDeployment;
const peers: Peer[] = [];

beforeAll(async () => {
  deployment = await startDeployment({
    workers: senders,
    shared: { ...peerConfig, send_federation: false, federation_sender_instances: senders },
  });
});
afterAll(async () => {
  await deployment?.close();
  await Promise.all(peers.map((peer) => peer.close()));
});

/** A server to which `sender` sends while both are there. */
async function peerOf(sender: string): Promise<Peer> {
  for (;;) {
    const peer = await createPeer({ url: deployment.url("main"), serverName: "test.local" });
    peers.push(peer);
    peer.answer(send, () => ({ pdus: {} }));
    if (rendezvous(senders, slotKey(slotOf(peer.name))) === sender) return peer;
  }
}

const bodies = (peer: Peer): string[] =>
  peer.requests.flatMap(({ body }) => body?.pdus ?? []).flatMap(({ type, content }) => (type === "m.room.message" ? [content.body] : []));

test("servers whose sender was killed hear of everything from the other one, also of what was under way", async () => {
  const [mine, other] = [await peerOf("sender1"), await peerOf("sender2")];
  const alice = await register(deployment.url("main"), "alice");
  const roomId = await alice.createRoom({ preset: "public_chat", room_version: "10" });
  for (const peer of [mine, other]) await joinPeer(peer, roomId, peer.user("bob"));
  await alice.say(roomId, "one");
  await eventually(() => [mine, other].every((peer) => bodies(peer).includes("one")));

  mine.answer(send, () => new Promise(() => undefined));
  await alice.say(roomId, "two");
  await eventually(() => bodies(mine).includes("two"));
  await deployment.process("sender1").kill();
  mine.requests.length = 0;
  mine.answer(send, () => ({ pdus: {} }));
  await alice.say(roomId, "three");
  await eventually(() => ["two", "three"].every((body) => bodies(mine).includes(body)) && bodies(other).includes("three"), 60_000);

  // The first sender takes its servers back and goes on.
  await deployment.start("sender1");
  await alice.say(roomId, "four");
  await eventually(() => [mine, other].every((peer) => bodies(peer).includes("four")), 60_000);
  expect(bodies(other).filter((body) => body === "one")).toHaveLength(1);
});
