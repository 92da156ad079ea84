import type { ServerResponse } from "node:http";
import { hostRoom } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
import { enc } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

/** What another server answers to a join is taken in as it comes, and what is wrong with it fails the join alone. */
let f: Federated;
beforeAll(async () => {
  f = await createFederated();
});
afterAll(() => f.close());

const join = (room: PeerRoom) => f.alice.call("POST", `/join/${enc(room.roomId)}?via=${f.peer.name}`, {});
const path = (room: PeerRoom): string => `PUT /_matrix/federation/v2/send_join/${room.roomId}`;
const eventsOf = (room: PeerRoom): string => [...room.state.values()].map(({ pdu }) => JSON.stringify(pdu)).join(",");

/** Writes for as long as the other side reads. */
function endless(response: ServerResponse, begin: string, again: string): void {
  response.write(begin);
  const go = (): void => {
    while (!response.destroyed && response.write(again));
    if (!response.destroyed) response.once("drain", go);
  };
  go();
}

test("events that come in pieces, in either order, are the state of the room", async () => {
  const room = hostRoom(f.peer, f.bob);
  for (let i = 0; i < 500; i++) {
    const sender = f.peer.user(`member${i}`);
    room.make({ type: "m.room.member", sender, stateKey: sender, content: { membership: "join" } });
  }
  const text = `{"auth_chain":[${eventsOf(room)}], "state" : [ ${eventsOf(room)} ],"origin":"${f.peer.name}"}`;
  f.peer.stream(path(room), (response) => {
    for (let at = 0; at < text.length; at += 10_000) response.write(text.slice(at, at + 10_000));
    response.end();
  });
  expect(await join(room)).toMatchObject({ status: 200 });
  const members = await f.alice.get(`/rooms/${enc(room.roomId)}/joined_members`);
  expect(Object.keys(members.joined)).toHaveLength(502);
});

test.each<[string, (response: ServerResponse, room: PeerRoom) => void]>([
  ["ends in the middle", (response, room) => void response.end(`{"state":[${eventsOf(room)},{"type":`)],
  ["names its state twice", (response, room) => void response.end(`{"state":[${eventsOf(room)}],"state":[],"auth_chain":[]}`)],
  ["is nested too deeply", (response) => void response.end(`{"auth_chain":[],"state":[${"[".repeat(100_000)}${"]".repeat(100_000)}]}`)],
  ["has a million entries and more", (response) => endless(response, '{"auth_chain":[],"state":[1', ",1".repeat(50_000))],
  [
    "repeats its events without an end",
    (response, room) => endless(response, `{"auth_chain":[],"state":[${eventsOf(room)}`, `,${eventsOf(room)}`.repeat(50)),
  ],
  ["holds an event without an end", (response) => endless(response, '{"auth_chain":[],"state":["', "x".repeat(100_000))],
  ["goes on without an end beside the events", (response) => endless(response, '{"auth_chain":[],"state":[],"x":"', "x".repeat(100_000))],
  ["has no state", (response) => void response.end('{"auth_chain":[]}')],
])("an answer that %s fails the join, and nobody is in the room", async (_, write) => {
  const room = hostRoom(f.peer, f.bob);
  f.peer.stream(path(room), (response) => write(response, room));
  // whoever failed before is left alone until it shows that it is there
  await f.peer.call("GET", `/query/profile?user_id=${enc(f.alice.userId)}`);
  const { status, body } = await join(room);
  expect(f.peer.requests.some(({ method, path: asked }) => `${method} ${asked}`.startsWith(path(room)))).toBe(true);
  expect(status).toBe(502);
  expect(body.errcode).toBe("M_UNKNOWN");
  expect((await f.alice.get("/joined_rooms")).joined_rooms).not.toContain(room.roomId);
});
