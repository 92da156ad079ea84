import { eventually } from "../builders/eventually";
import { createEncryptedRoom } from "../clients/cryptoRoom";
import { loginWithCrypto, registerWithCrypto, setUp } from "../clients/cryptoUser";
import type { CryptoUser } from "../clients/cryptoUser";
import { loadSdk } from "../clients/sdk";
import type { Sdk } from "../clients/sdk";
import { verify } from "../clients/verification";
import { directions, startPair } from "./pair";
import type { Pair } from "./pair";
import { describeWithSynapse } from "./synapse";

describeWithSynapse("encryption between two servers, with matrix-js-sdk", () => {
  let pair: Pair;
  let sdk: Sdk;
  const users: CryptoUser[] = [];
  beforeAll(async () => {
    sdk = await loadSdk();
    pair = await startPair();
  });
  afterAll(async () => {
    await Promise.all(users.map((user) => user.stop())).finally(() => pair?.close());
  });

  test.each(directions)("a room of %s, and somebody of %s: messages both ways, verification, a new device", async (home, away) => {
    const kept = async (user: Promise<CryptoUser>): Promise<CryptoUser> => {
      users.push(await user);
      return user;
    };
    const alice = await kept(registerWithCrypto(sdk, pair[home].url, `alice-of-${home}`));
    const bob = await kept(registerWithCrypto(sdk, pair[away].url, `bob-of-${away}`));
    for (const user of [alice, bob]) await setUp(user);
    const roomId = await createEncryptedRoom(alice, [bob]);
    const speak = async (from: CryptoUser, to: readonly CryptoUser[], text: string): Promise<void> => {
      const id = await from.says(roomId, text);
      for (const user of to) expect((await user.reads(roomId, id)).getContent()["body"]).toBe(text);
    };
    await speak(alice, [bob], "hello");
    await speak(bob, [alice], "hello to you");
    await verify(sdk, { one: alice, other: bob, request: () => alice.crypto.requestVerificationDM(bob.userId, roomId) });
    await eventually(async () => (await alice.crypto.getUserVerificationStatus(bob.userId)).isCrossSigningVerified());
    const phone = await kept(loginWithCrypto(sdk, pair[away].url, bob));
    await eventually(async () => (await alice.crypto.getUserDeviceInfo([bob.userId])).get(bob.userId)?.has(phone.deviceId) === true);
    await speak(alice, [bob, phone], "to both of you");
    await speak(phone, [alice, bob], "from the new one");
  });
});
