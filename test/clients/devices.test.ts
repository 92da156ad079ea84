import { eventually } from "../builders/eventually";
import { bringIn, createEncryptedRoom } from "./cryptoRoom";
import { loginWithCrypto, registerWithCrypto, setUp } from "./cryptoUser";
import type { CryptoUser } from "./cryptoUser";
import { onDatabaseServer } from "./deployments";
import type { Server } from "./deployments";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";

let sdk: Sdk;
let server: Server;
let alice: CryptoUser;
let bob: CryptoUser;
const users: CryptoUser[] = [];

beforeAll(async () => {
  sdk = await loadSdk();
  server = await onDatabaseServer({ experimental_features: { msc3814_enabled: true } });
  users.push(...(await Promise.all(["alice", "bob"].map((name) => registerWithCrypto(sdk, server.urls[0], name)))));
  [alice, bob] = users as [CryptoUser, CryptoUser];
  await Promise.all([setUp(alice), setUp(bob)]);
});
afterAll(async () => {
  await Promise.all(users.map((user) => user.stop())).finally(() => server?.close());
});

const newUser = async (name: string): Promise<CryptoUser> => {
  const user = await registerWithCrypto(sdk, server.urls[0], name);
  users.push(user);
  return user;
};
const newDevice = async (user: CryptoUser): Promise<CryptoUser> => {
  const device = await loginWithCrypto(sdk, server.urls[0], user);
  users.push(device);
  return device;
};
const devicesOf = async (observer: CryptoUser, { userId }: CryptoUser): Promise<string[]> => {
  const devices = (await observer.crypto.getUserDeviceInfo([userId])).get(userId);
  return [...(devices?.keys() ?? [])].sort();
};
/** The Megolm session with which an event was encrypted. */
const sessionOf = async (reader: CryptoUser, roomId: string, eventId: string): Promise<string> =>
  (await reader.reads(roomId, eventId)).getWireContent()["session_id"] as string;

test("who leaves cannot read what is said afterwards, and who joins not what was said before", async () => {
  const carol = await newUser("carol");
  const roomId = await createEncryptedRoom(alice, [bob]);
  const before = await alice.says(roomId, "before Carol");
  await bringIn(alice, roomId, carol);
  const during = await alice.says(roomId, "hello Carol");
  const session = await sessionOf(carol, roomId, during);
  expect(await sessionOf(bob, roomId, before)).toBe(session);
  await carol.client.scrollback(await carol.room(roomId), 20);
  await carol.cannotRead(roomId, before);
  await alice.client.kick(roomId, carol.userId);
  await alice.until(roomId, (room) => room.getMember(carol.userId)?.membership === "leave");
  const after = await alice.says(roomId, "Carol is gone");
  expect(await sessionOf(bob, roomId, after)).not.toBe(session);
});

test("a new device is seen and encrypted for at once, and one that logged out no longer", async () => {
  const roomId = await createEncryptedRoom(alice, [bob]);
  const session = await sessionOf(bob, roomId, await alice.says(roomId, "to one device"));
  const tablet = await newDevice(bob);
  await eventually(async () => (await devicesOf(alice, bob)).includes(tablet.deviceId));
  const both = await alice.says(roomId, "to two devices");
  await Promise.all([bob.reads(roomId, both), tablet.reads(roomId, both)]);
  expect(await sessionOf(bob, roomId, both)).toBe(session);
  await tablet.client.logout(true);
  await eventually(async () => !(await devicesOf(alice, bob)).includes(tablet.deviceId));
  await eventually(async () => !(await devicesOf(bob, bob)).includes(tablet.deviceId));
  expect(await sessionOf(bob, roomId, await alice.says(roomId, "to one again"))).not.toBe(session);
});

test("a device that its owner did not sign is told that it gets no key, until it is given one", async () => {
  const roomId = await createEncryptedRoom(alice, [bob]);
  const stranger = await newDevice({ ...bob, recovery: {} });
  await eventually(async () => (await devicesOf(alice, bob)).includes(stranger.deviceId));
  alice.crypto.setDeviceIsolationMode(new sdk.cryptoApi.OnlySignedDevicesIsolationMode());
  const id = await alice.says(roomId, "for signed devices");
  await bob.reads(roomId, id);
  const event = await stranger.cannotRead(roomId, id);
  const { MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE: unverified } = sdk.cryptoApi.DecryptionFailureCode;
  await eventually(() => event.decryptionFailureReason === unverified);
  alice.crypto.setDeviceIsolationMode(new sdk.cryptoApi.AllDevicesIsolationMode(false));
  await stranger.crypto.importRoomKeys(await bob.crypto.exportRoomKeys());
  expect((await stranger.reads(roomId, id)).getContent()["body"]).toBe("for signed devices");
});

test("one-time keys run out, the fallback key stands in, and the device makes new ones when it is back", async () => {
  const dave = await newUser("dave");
  const roomId = await createEncryptedRoom(dave, [alice]);
  await dave.stop();
  const countsOf = async (user: CryptoUser): Promise<Record<string, number>> => {
    const answer = await user.client.http.authedRequest<Record<string, unknown>>(sdk.Method.Post, "/keys/upload", undefined, {});
    return answer["one_time_key_counts"] as Record<string, number>;
  };
  // 50; twice as many where an answer to a sync overtook that to the first upload
  const { signed_curve25519: uploaded = 0 } = await countsOf(dave);
  expect(uploaded).toBeGreaterThanOrEqual(50);
  const claimed: boolean[] = [];
  while (claimed.at(-1) !== true) {
    const { one_time_keys: keys } = await alice.client.claimOneTimeKeys([[dave.userId, dave.deviceId]], "signed_curve25519");
    const [key] = Object.values(keys[dave.userId]?.[dave.deviceId] ?? {});
    claimed.push((key as { fallback?: boolean } | undefined)?.fallback === true);
  }
  expect(claimed).toHaveLength(uploaded + 1);
  // this device has no Olm session with Dave's yet
  const id = await alice.says(roomId, "with the fallback key");
  const back = await dave.restart();
  users.push(back);
  expect((await back.reads(roomId, id)).getContent()["body"]).toBe("with the fallback key");
  await eventually(async () => (await countsOf(back))["signed_curve25519"] === 50);
  const { one_time_keys: keys } = await alice.client.claimOneTimeKeys([[back.userId, back.deviceId]], "signed_curve25519");
  expect(Object.values(keys[back.userId]?.[back.deviceId] ?? {})[0]).not.toHaveProperty("fallback");
});

test("what was said while all devices were logged out is read through the dehydrated device", async () => {
  const erin = await newUser("erin");
  await setUp(erin);
  expect(await erin.crypto.isDehydrationSupported()).toBe(true);
  const roomId = await createEncryptedRoom(alice, [erin]);
  await erin.crypto.startDehydration();
  await eventually(async () => (await devicesOf(alice, erin)).length === 2);
  await erin.client.logout(true);
  await eventually(async () => (await devicesOf(alice, erin)).length === 1);
  const id = await alice.says(roomId, "read this when you are back");
  const back = await newDevice(erin);
  await back.cannotRead(roomId, id);
  const { crypto } = back;
  await crypto.userHasCrossSigningKeys(back.userId, true);
  await crypto.bootstrapCrossSigning({});
  await crypto.startDehydration();
  expect((await back.reads(roomId, id)).getContent()["body"]).toBe("read this when you are back");
});
