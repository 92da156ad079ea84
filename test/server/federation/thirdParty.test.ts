import { randomBytes } from "node:crypto";
import { signJson, signingKeyFromSeed } from "../../../src/rooms/signing";
import { startFederationSender } from "../../../src/services/federationSender/sender";
import { eventually } from "../../builders/eventually";
import { hostRoom } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;
let sender: ReturnType<typeof startFederationSender>;

beforeAll(async () => {
  f = await createFederated();
  sender = startFederationSender(f.server.app);
  f.peer.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
});
afterAll(async () => {
  await sender.stop();
  await f.close();
});

test("an address invited by another server's user is exchanged here, where somebody is in the room, and all servers are told", async () => {
  const identity = signingKeyFromSeed("identity", "ed25519:0", randomBytes(32));
  const carol = await f.server.client("carol");
  const room = hostRoom(f.peer, f.bob);
  room.make({ type: "m.room.join_rules", sender: f.bob, stateKey: "", content: { join_rule: "invite" } });
  room.make({ type: "m.room.member", sender: f.bob, stateKey: f.alice.userId, content: { membership: "invite" } });
  await f.alice.post(`/join/${enc(room.roomId)}?server_name=${f.peer.name}`);
  const content = { display_name: "Carol", public_key: identity.publicKey, public_keys: [{ public_key: identity.publicKey }] };
  expect(await room.send(room.make({ type: "m.room.third_party_invite", sender: f.bob, stateKey: "token", content }))).toEqual(
    expect.not.objectContaining({ error: expect.anything() }),
  );

  const invite = {
    medium: "email",
    address: "carol@example.com",
    mxid: carol.userId,
    room_id: room.roomId,
    sender: f.bob,
    signed: signJson({ mxid: carol.userId, token: "token" }, identity),
  };
  const bound = await f.server.call("POST", "/_matrix/federation/v1/3pid/onbind", { ...invite, invites: [invite] });
  expect(bound).toMatchObject({ status: 200, body: {} });

  const told = () =>
    f.peer.requests
      .filter(({ path }) => path.startsWith("/_matrix/federation/v1/send/"))
      .flatMap(({ body }) => body.pdus)
      .filter((pdu) => pdu.state_key === carol.userId);
  await eventually(() => told().length > 0);
  expect(told()).toEqual([
    expect.objectContaining({
      type: "m.room.member",
      sender: f.bob,
      content: expect.objectContaining({ membership: "invite", third_party_invite: expect.objectContaining({ display_name: "Carol" }) }),
    }),
  ]);
  await carol.post(`${roomPath(room.roomId)}/join`);
});
