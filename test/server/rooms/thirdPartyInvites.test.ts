import { createRoomsServer, enc, roomPath } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";
import { createIdentityServer } from "./identityServer";
import type { IdentityServer } from "./identityServer";

let identity: IdentityServer;
let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  identity = await createIdentityServer();
  server = await createRoomsServer({ use_insecure_ssl_client_just_for_testing_do_not_use: true, ip_range_blacklist: [] });
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
});
afterAll(async () => {
  await server.close();
  await identity.close();
});

const threepid = (address: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  id_server: identity.name,
  id_access_token: "secret",
  medium: "email",
  address,
  ...more,
});
const invite = (client: Client, roomId: string, address: string, more = {}): Promise<Answer> =>
  client.call("POST", `${roomPath(roomId)}/invite`, threepid(address, more));
const memberOf = async (roomId: string, { userId }: Client): Promise<Answer["body"]> =>
  (await alice.call("GET", `${roomPath(roomId)}/state/m.room.member/${enc(userId)}`)).body;

/** A room of Alice's to which an address that nobody knows is invited; gives the token of the invitation. */
async function roomWithInvite(): Promise<{ roomId: string; token: string }> {
  const roomId = await alice.createRoom({ name: "Room" });
  expect((await invite(alice, roomId, "nobody@example.com")).status).toBe(200);
  return { roomId, token: `token${identity.stored.length}` };
}

/** The identity server tells that the address belongs to somebody now. */
function bind(roomId: string, token: string, user: Client, signed = identity.sign(token, user.userId)): Promise<Answer> {
  const one = { medium: "email", address: "nobody@example.com", mxid: user.userId, room_id: roomId, sender: alice.userId, signed };
  return server.call("POST", "/_matrix/federation/v1/3pid/onbind", {
    medium: "email",
    address: "nobody@example.com",
    mxid: user.userId,
    invites: [one],
  });
}

test("an address that somebody has bound stands for that user", async () => {
  identity.bindings.set("bob@example.com", bob.userId);
  const roomId = await alice.createRoom();
  expect((await invite(alice, roomId, "Bob@Example.com")).body).toEqual({});
  expect((await memberOf(roomId, bob)).membership).toBe("invite");
  const created = await alice.createRoom({ invite_3pid: [threepid("bob@example.com")] });
  expect((await memberOf(created, bob)).membership).toBe("invite");
  expect(identity.stored).toEqual([]);
});

test("an address that nobody has bound is kept by the identity server until somebody does", async () => {
  const { roomId, token } = await roomWithInvite();
  expect(identity.stored.at(-1)).toMatchObject({
    room_id: roomId,
    room_name: "Room",
    room_join_rules: "invite",
    sender: alice.userId,
    sender_display_name: "alice",
  });
  const event = await alice.get(`${roomPath(roomId)}/state/m.room.third_party_invite/${token}`);
  expect(event).toMatchObject({
    display_name: "Bob...",
    public_key: expect.any(String),
    public_keys: [{ key_validity_url: expect.any(String) }],
  });
  expect((await bob.call("POST", `${roomPath(roomId)}/join`, {})).status).toBe(403);
  expect((await bind(roomId, token, bob)).body).toEqual({});
  expect(await memberOf(roomId, bob)).toMatchObject({
    membership: "invite",
    third_party_invite: { display_name: "Bob...", signed: { mxid: bob.userId, token } },
  });
  await bob.post(`${roomPath(roomId)}/join`);
  // Told twice, the invitation must not take the place of the join.
  await bind(roomId, token, bob);
  expect((await memberOf(roomId, bob)).membership).toBe("join");
});

test("the invitation counts when its sender has left", async () => {
  const { roomId, token } = await roomWithInvite();
  const carol = await server.client("carol");
  await alice.post(`${roomPath(roomId)}/invite`, { user_id: carol.userId });
  await carol.post(`${roomPath(roomId)}/join`);
  await alice.post(`${roomPath(roomId)}/leave`);
  await bind(roomId, token, bob);
  await bob.post(`${roomPath(roomId)}/join`);
});

test("who can prove to be meant joins with the proof", async () => {
  const { roomId, token } = await roomWithInvite();
  const signed = identity.sign(token, bob.userId, { sender: alice.userId });
  const carol = await server.client("carol2");
  expect((await carol.call("POST", `${roomPath(roomId)}/join`, { third_party_signed: signed })).status).toBe(403);
  await bob.post(`/join/${enc(roomId)}`, { third_party_signed: signed });
  expect((await memberOf(roomId, bob)).membership).toBe("join");
});

test("proofs by other keys, and by keys revoked since, count for nothing", async () => {
  const { roomId, token } = await roomWithInvite();
  const before = identity.sign(token, bob.userId);
  identity.rotate();
  for (const signed of [before, identity.sign(token, bob.userId), { mxid: bob.userId }]) {
    expect((await bind(roomId, token, bob, signed)).status).toBeGreaterThan(399);
    expect((await bob.call("POST", `${roomPath(roomId)}/join`, {})).status).toBe(403);
    expect(
      (await bob.call("POST", `${roomPath(roomId)}/join`, { third_party_signed: { ...signed, sender: alice.userId } })).status,
    ).toBeGreaterThan(399);
  }
});

test("who may not invite, and how not to", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`${roomPath(roomId)}/join`);
  const before = identity.stored.length;
  expect((await invite(bob, roomId, "nobody@example.com")).body.errcode).toBe("M_FORBIDDEN");
  expect((await invite(await server.client("stranger"), roomId, "nobody@example.com")).body.errcode).toBe("M_FORBIDDEN");
  expect((await invite(alice, roomId, "nobody@example.com", { id_access_token: undefined })).body.errcode).toBe("M_MISSING_PARAM");
  expect((await invite(alice, roomId, "nobody@example.com", { id_server: "not a host/x" })).body.errcode).toBe("M_INVALID_PARAM");
  expect((await invite(alice, roomId, "nobody@example.com", { id_access_token: "wrong" })).body.errcode).toBe("M_UNAUTHORIZED");
  expect(identity.stored.length).toBe(before);
});
