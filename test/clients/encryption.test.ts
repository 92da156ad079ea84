import sharp from "sharp";
import type { EncryptedFile, ImageContent } from "matrix-js-sdk/lib/@types/media";
import { downloadEncrypted, downloadThumbnail, uploadEncrypted } from "./attachment";
import { eventually } from "../builders/eventually";
import { pictureFacts } from "../builders/picture";
import { createEncryptedRoom } from "./cryptoRoom";
import { loginWithCrypto, registerWithCrypto, setUp, withPassword } from "./cryptoUser";
import type { CryptoUser } from "./cryptoUser";
import { onDatabaseServer, onTwoProcesses } from "./deployments";
import type { Server } from "./deployments";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";
import { verify } from "./verification";

let sdk: Sdk;
beforeAll(async () => {
  sdk = await loadSdk();
});

describe.each([
  ["one process", () => onDatabaseServer()],
  ["two processes, one for each user", onTwoProcesses],
] as const)("%s", (_, startServer) => {
  let server: Server;
  let alice: CryptoUser;
  let bob: CryptoUser;
  /** Her second device. */
  let phone: CryptoUser;
  let roomId: string;
  const users: CryptoUser[] = [];
  const sent: string[] = [];

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    await Promise.all(users.map((user) => user.stop())).finally(() => server?.close());
  });

  const both = async (text: string): Promise<void> => {
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const id = await from.says(roomId, text);
      sent.push(id);
      const event = await to.reads(roomId, id);
      expect(event.getContent()["body"]).toBe(text);
      expect(event.getWireType()).toBe("m.room.encrypted");
    }
  };

  test("two people register, and their clients set encryption up", async () => {
    const [urlOfAlice, urlOfBob] = server.urls;
    users.push(...(await Promise.all([registerWithCrypto(sdk, urlOfAlice, "alice"), registerWithCrypto(sdk, urlOfBob, "bob")])));
    [alice, bob] = users as [CryptoUser, CryptoUser];
    for (const user of [alice, bob]) {
      await setUp(user);
      await eventually(() => user.crypto.isCrossSigningReady());
      expect(await user.crypto.isSecretStorageReady()).toBe(true);
      await eventually(async () => (await user.crypto.getActiveSessionBackupVersion()) !== null);
    }
  });

  test("new cross-signing keys need the password", async () => {
    const before = await alice.crypto.getCrossSigningKeyId();
    const wrong = { setupNewCrossSigning: true, authUploadDeviceSigningKeys: withPassword(alice.userId, "not it") };
    await expect(alice.crypto.bootstrapCrossSigning(wrong)).rejects.toMatchObject({ errcode: "M_FORBIDDEN" });
    await alice.crypto.bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys: withPassword(alice.userId) });
    expect(await alice.crypto.getCrossSigningKeyId()).not.toBe(before);
  });

  test("messages both ways that the server cannot read", async () => {
    roomId = await createEncryptedRoom(alice, [bob]);
    await both("hello");
  });

  test("two people verify each other in the room, and both see it", async () => {
    await verify(sdk, { one: alice, other: bob, request: () => alice.crypto.requestVerificationDM(bob.userId, roomId) });
    for (const [one, other] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      await eventually(async () => (await one.crypto.getUserVerificationStatus(other.userId)).isCrossSigningVerified());
      expect((await one.crypto.getDeviceVerificationStatus(other.userId, other.deviceId))?.crossSigningVerified).toBe(true);
    }
  });

  test("a new device reads nothing until it is verified, then what was said before", async () => {
    await both("before she had a phone");
    await eventually(async () => {
      const { count } = await alice.client.http.authedRequest<{ count: number }>(sdk.Method.Get, "/room_keys/version");
      return count === (await alice.crypto.exportRoomKeys()).length;
    });
    phone = await loginWithCrypto(sdk, server.urls[1], { ...alice, recovery: {} });
    users.push(phone);
    const last = sent.at(-1) ?? "";
    await phone.cannotRead(roomId, last);
    await verify(sdk, { one: phone, other: alice, request: () => phone.crypto.requestOwnUserVerification() });
    for (const user of [phone, alice, bob]) {
      await eventually(async () => {
        const { deviceId, userId } = phone;
        return (await user.crypto.getDeviceVerificationStatus(userId, deviceId))?.crossSigningVerified === true;
      });
    }
    await phone.reads(roomId, last);
    await both("to three devices");
    await phone.reads(roomId, sent.at(-1) ?? "");
  });

  test("a picture and its thumbnail, encrypted, and one that the server may see", async () => {
    const draw = (width: number): Promise<Buffer> =>
      sharp({ create: { width, height: width, channels: 3, background: "teal" } })
        .png()
        .toBuffer();
    const [picture, small] = await Promise.all([draw(600), draw(60)]);
    const [file, thumbnail_file] = await Promise.all([uploadEncrypted(alice, picture), uploadEncrypted(alice, small)]);
    const info = { mimetype: "image/png", w: 600, h: 600, size: picture.length, thumbnail_file };
    const { event_id: id } = await alice.client.sendMessage(roomId, { msgtype: sdk.MsgType.Image, body: "teal.png", file, info });
    const received = (await bob.reads(roomId, id)).getContent<ImageContent>();
    expect(await downloadEncrypted(bob, received.file as EncryptedFile)).toEqual(picture);
    expect(await downloadEncrypted(bob, received.info?.thumbnail_file as EncryptedFile)).toEqual(small);
    const { content_uri: url } = await alice.client.uploadContent(picture, { type: "image/png", name: "teal.png" });
    expect(await pictureFacts(await downloadThumbnail(bob, url, 200))).toMatchObject({ format: "png", width: 240, height: 240 });
  });

  test("the server is restarted, and so is a client", async () => {
    await server.restart();
    for (const { client } of users) client.retryImmediately();
    await both("still there?");
    const away = bob;
    await away.stop();
    const missed = await alice.says(roomId, "while you were away");
    bob = await away.restart();
    users.push(bob);
    await bob.reads(roomId, missed);
    await both("here again");
  });

  test("a device that has only the recovery key reads everything from the backup", async () => {
    const laptop = await loginWithCrypto(sdk, server.urls[0], alice);
    users.push(laptop);
    const { crypto } = laptop;
    expect(await crypto.userHasCrossSigningKeys(laptop.userId, true)).toBe(true);
    await crypto.bootstrapCrossSigning({});
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    await crypto.checkKeyBackupAndEnable();
    await eventually(async () => {
      const { imported, total } = await crypto.restoreKeyBackup();
      return imported === total && imported > 1;
    });
    const room = await laptop.room(roomId);
    while (room.oldState.paginationToken !== null) await laptop.client.scrollback(room, 50);
    for (const id of sent) await laptop.reads(roomId, id);
    expect(await crypto.isCrossSigningReady()).toBe(true);
  });
});
