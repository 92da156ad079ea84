import { eventually } from "../builders/eventually";
import { createEncryptedRoom } from "./cryptoRoom";
import { loginWithCrypto, registerWithCrypto, setUp } from "./cryptoUser";
import type { CryptoUser } from "./cryptoUser";
import { onTwoProcesses } from "./deployments";
import type { Server } from "./deployments";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";
import { PASSWORD } from "./user";

const LIST = "all";
const POLL_MS = 5_000;

let sdk: Sdk;
let server: Server;
/** She uses simplified sliding sync on both of her devices; he the old way. */
let alice: CryptoUser;
let bob: CryptoUser;
const users: CryptoUser[] = [];

beforeAll(async () => {
  sdk = await loadSdk();
  server = await onTwoProcesses();
  const [url, other] = server.urls;
  users.push(...(await Promise.all([registerWithCrypto(sdk, url, "alice", sliding(url)), registerWithCrypto(sdk, other, "bob")])));
  [alice, bob] = users as [CryptoUser, CryptoUser];
  await Promise.all([setUp(alice), setUp(bob)]);
});
afterAll(() => Promise.all(users.map((user) => user.stop())).finally(() => server?.close()));

function sliding(url: string): NonNullable<Parameters<typeof registerWithCrypto>[3]> {
  return {
    slidingSync(client) {
      const wanted = { timeline_limit: 20, required_state: [["*", "*"]] };
      return new sdk.SlidingSync(url, new Map([[LIST, { ranges: [[0, 20]], ...wanted }]]), wanted, client, POLL_MS);
    },
  };
}

let roomId: string;

test("encrypted messages both ways", async () => {
  roomId = await createEncryptedRoom(bob, [alice]);
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
    [alice, bob],
  ] as const) {
    const id = await from.says(roomId, "hello");
    expect((await to.reads(roomId, id)).getContent()["body"]).toBe("hello");
  }
});

test("typing, receipts and account data come with it", async () => {
  await bob.client.sendTyping(roomId, true, 60_000);
  await alice.until(roomId, (room) => room.getMember(bob.userId)?.typing === true);
  await bob.client.sendReadReceipt(await bob.reads(roomId, await alice.says(roomId, "have you read this?")));
  const last = (await alice.room(roomId)).getLastLiveEvent()?.getId() ?? "";
  await alice.until(roomId, (room) => room.hasUserReadEvent(bob.userId, last));
  await alice.client.setRoomTag(roomId, "m.favourite", { order: 0.5 });
  await alice.until(roomId, (room) => "m.favourite" in room.tags);
});

test("a second device, and what it is told when it logs out", async () => {
  const phone = await loginWithCrypto(sdk, server.urls[1], alice, sliding(server.urls[1]));
  users.push(phone);
  await eventually(async () => {
    const devices = await bob.crypto.getUserDeviceInfo([alice.userId]);
    return devices.get(alice.userId)?.has(phone.deviceId) === true;
  });
  const id = await bob.says(roomId, "to both");
  await Promise.all([alice.reads(roomId, id), phone.reads(roomId, id)]);
  const stopped = new Promise((resolve) => phone.client.once(sdk.HttpApiEvent.SessionLoggedOut, resolve));
  await alice.client.deleteMultipleDevices([phone.deviceId], {
    type: "m.login.password",
    identifier: { type: "m.id.user", user: alice.userId },
    password: PASSWORD,
  });
  await stopped;
});

test("the server is restarted, and the room goes on", async () => {
  await server.restart();
  for (const { client } of [alice, bob]) client.retryImmediately();
  const id = await bob.says(roomId, "still there?");
  await alice.reads(roomId, id);
  await bob.reads(roomId, await alice.says(roomId, "yes"));
});
