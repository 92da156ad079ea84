import { signJson } from "../../../src/rooms/signing";
import type { TestClient } from "../../builders/client";
import { createKeysServer, crossSigningKey, deviceKeys, newKey } from "./harness";
import type { KeysServer } from "./harness";

let server: KeysServer;

beforeAll(async () => {
  server = await createKeysServer();
});
afterAll(() => server.close());

async function signer(name: string) {
  const client = await server.user(name);
  const { userId } = client;
  const [device, master, selfSigning, userSigning] = [newKey(userId, client.deviceId), newKey(userId), newKey(userId), newKey(userId)];
  const own = deviceKeys(client, device);
  const masterKey = crossSigningKey(userId, "master", master);
  const keys = {
    master_key: masterKey,
    self_signing_key: signJson(crossSigningKey(userId, "self_signing", selfSigning), master),
    user_signing_key: signJson(crossSigningKey(userId, "user_signing", userSigning), master),
  };
  await client.ok("POST", "/keys/upload", { device_keys: own });
  await client.ok("POST", "/keys/device_signing/upload", keys);
  return { client, userId, device, master, selfSigning, userSigning, own, masterKey, keys };
}

const query = (by: TestClient, userId: string) => by.ok("POST", "/keys/query", { device_keys: { [userId]: [] } });

test("the user-signing key is the owner's alone to see", async () => {
  const alice = await signer("a1");
  const bob = await server.user("b1");
  const [mine, theirs] = [await query(alice.client, alice.userId), await query(bob, alice.userId)];
  expect(mine.user_signing_keys[alice.userId]).toEqual(alice.keys.user_signing_key);
  expect(theirs.user_signing_keys).toEqual({});
  expect(theirs.master_keys[alice.userId]).toEqual(alice.masterKey);
  expect(theirs.self_signing_keys[alice.userId]).toEqual(alice.keys.self_signing_key);
});

test("keys are replaced with a proof only; the same again needs none", async () => {
  const alice = await signer("a2");
  await alice.client.ok("POST", "/keys/device_signing/upload", alice.keys);
  const other = newKey(alice.userId);
  const body = { master_key: crossSigningKey(alice.userId, "master", other) };
  const asked = await alice.client.call("POST", "/keys/device_signing/upload", body);
  expect(asked.status).toBe(401);
  const auth = {
    type: "m.login.password",
    session: asked.body.session,
    identifier: { type: "m.id.user", user: alice.userId },
    password: "sUp3r s3kr1t",
  };
  await alice.client.ok("POST", "/keys/device_signing/upload", { ...body, auth });
  expect((await query(alice.client, alice.userId)).master_keys[alice.userId]).toEqual(body.master_key);
});

test("keys must be signed by the master key, and there must be one", async () => {
  const bob = await server.user("b3");
  const [key, wrong] = [newKey(bob.userId), newKey(bob.userId)];
  const selfSigning = signJson(crossSigningKey(bob.userId, "self_signing", key), wrong);
  expect((await bob.call("POST", "/keys/device_signing/upload", { self_signing_key: selfSigning })).body.errcode).toBe("M_MISSING_PARAM");
  const both = { master_key: crossSigningKey(bob.userId, "master", newKey(bob.userId)), self_signing_key: selfSigning };
  expect((await bob.call("POST", "/keys/device_signing/upload", both)).body.errcode).toBe("M_INVALID_SIGNATURE");
  const foreign = { master_key: crossSigningKey("@x:y", "master", key) };
  expect((await bob.call("POST", "/keys/device_signing/upload", foreign)).status).toBe(400);
  expect((await query(bob, bob.userId)).master_keys).toEqual({});
});

test("signatures: by the self-signing key on devices, by devices on the master key, by others on it for themselves", async () => {
  const [alice, bob] = [await signer("a4"), await signer("b4")];
  const carol = await server.user("c4");
  const roomId = await alice.client.createRoom({ preset: "public_chat" });
  await bob.client.join(roomId);
  await Promise.all([alice.client.sync(), bob.client.sync()]);
  const signedDevice = signJson(alice.own, alice.selfSigning);
  const signedMaster = signJson(alice.masterKey, alice.device);
  const upload = (by: TestClient, body: object) => by.ok("POST", "/keys/signatures/upload", body);
  const id = alice.master.publicKey;
  const body = { [alice.userId]: { [alice.client.deviceId]: signedDevice, [id]: signedMaster } };
  expect(await upload(alice.client, body)).toEqual({ failures: {} });
  await bob.client.until((sync) => (sync.device_lists?.changed?.includes(alice.userId) ? sync : undefined));
  const seen = await query(carol, alice.userId);
  expect(seen.device_keys[alice.userId][alice.client.deviceId].signatures).toEqual(signedDevice.signatures);
  expect(seen.master_keys[alice.userId]).toEqual(signedMaster);

  const byBob = signJson(alice.masterKey, bob.userSigning);
  await alice.client.sync();
  expect(await upload(bob.client, { [alice.userId]: { [id]: byBob } })).toEqual({ failures: {} });
  await bob.client.until((sync) => (sync.device_lists?.changed?.includes(alice.userId) ? sync : undefined));
  expect((await alice.client.sync()).device_lists).toBeUndefined();
  expect((await query(bob.client, alice.userId)).master_keys[alice.userId].signatures).toMatchObject({ [bob.userId]: expect.anything() });
  expect((await query(carol, alice.userId)).master_keys[alice.userId]).toEqual(signedMaster);
});

test("what is wrong with signatures is told one by one", async () => {
  const alice = await signer("a5");
  const bob = await server.user("b5");
  const { deviceId } = alice.client;
  const wrong = signJson(alice.own, newKey(alice.userId));
  const body = {
    [alice.userId]: { [deviceId]: wrong, NODEVICE: signJson(alice.own, alice.selfSigning), [alice.master.publicKey]: alice.masterKey },
    [bob.userId]: { key: {} },
  };
  const { failures } = await alice.client.ok("POST", "/keys/signatures/upload", body);
  expect(failures[alice.userId][deviceId].errcode).toBe("M_INVALID_SIGNATURE");
  expect(failures[alice.userId].NODEVICE.errcode).toBe("M_NOT_FOUND");
  expect(failures[alice.userId][alice.master.publicKey].errcode).toBe("M_INVALID_SIGNATURE");
  expect(failures[bob.userId].key.errcode).toBe("M_NOT_FOUND");
  const changed = signJson({ ...alice.own, algorithms: ["evil"] }, alice.selfSigning);
  const second = await alice.client.ok("POST", "/keys/signatures/upload", { [alice.userId]: { [deviceId]: changed } });
  expect(second.failures[alice.userId][deviceId].errcode).toBe("M_INVALID_PARAM");
});
