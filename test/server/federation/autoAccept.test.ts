import { startAutoAccept } from "../../../src/services/autoAccept";
import { eventually } from "../../builders/eventually";
import { hostRoom } from "../../builders/peerRoom";
import { enc } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;
beforeAll(async () => {
  f = await createFederated({ auto_accept_invites: { enabled: true } });
});
afterAll(() => f?.close());

test("a join that is under way when the process ends is begun anew by the next one", async () => {
  // Nobody waits for what is under way, as it is after ten seconds.
  const stopFirst = startAutoAccept(f.server.app, { patienceMs: 0 });
  const room = hostRoom(f.peer, f.bob);
  const member = { type: "m.room.member", sender: f.bob, stateKey: f.alice.userId };
  const invite = room.make({ ...member, content: { membership: "invite" } });
  let isOpen = false;
  let refused = 0;
  f.peer.answer(`GET /_matrix/federation/v1/make_join/${room.roomId}`, () => {
    if (!isOpen) return void refused++;
    const { pdu } = room.fork({ ...member, sender: f.alice.userId, content: { membership: "join" } });
    return { event: { ...pdu, signatures: undefined, hashes: undefined }, room_version: "10" };
  });
  const body = { event: invite.pdu, room_version: "10", invite_room_state: [] };
  expect((await f.peer.call("PUT", `/_matrix/federation/v2/invite/${enc(room.roomId)}/${enc(invite.eventId)}`, body)).status).toBe(200);
  await eventually(() => refused > 0);
  // Something that comes after it is over and done with.
  await f.alice.text(await f.alice.createRoom(), "hello");
  await stopFirst();
  isOpen = true;

  const stopSecond = startAutoAccept(f.server.app);
  await eventually(async () => (await f.alice.get("/joined_rooms")).joined_rooms.includes(room.roomId));
  await stopSecond();
});
