import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import type { MatrixError, MatrixEvent, UIAuthCallback } from "matrix-js-sdk";
import type { CryptoApi, GeneratedSecretStorageKey } from "matrix-js-sdk/lib/crypto-api";
import { eventually } from "../builders/eventually";
import type { Sdk } from "./sdk";
import { createAccount, createDevice, PASSWORD, PATIENCE_MS, start } from "./user";
import type { Account, Preparation, User } from "./user";

/** A person with a client that encrypts. */
export interface CryptoUser extends User {
  readonly deviceId: string;
  readonly crypto: CryptoApi;
  /** Kept in mind or on paper: a new device of the same person is given it. */
  readonly recovery: Recovery;
  /** Waits until the client has the event and has decrypted it, and gives it. */
  reads(roomId: string, eventId: string): Promise<MatrixEvent>;
  /** Waits until the client has the event and knows why it cannot decrypt it. */
  cannotRead(roomId: string, eventId: string): Promise<MatrixEvent>;
  says(roomId: string, text: string): Promise<string>;
  /** The program is ended and started again: of the old one only its store of keys is left. */
  restart(): Promise<CryptoUser>;
  /** It fails where it is stopped while it looks at the backup. */
  stop(): Promise<void>;
}

export interface Recovery {
  key?: GeneratedSecretStorageKey;
}

type Extra = Pick<Preparation, "slidingSync">;

export async function registerWithCrypto(sdk: Sdk, url: string, username: string, extra: Extra = {}): Promise<CryptoUser> {
  return startWithCrypto({ sdk, url, account: await createAccount(sdk, url, username), recovery: {}, extra });
}

/** One more device of a person. */
export async function loginWithCrypto(sdk: Sdk, url: string, { userId, recovery }: CryptoUser, extra: Extra = {}): Promise<CryptoUser> {
  return startWithCrypto({ sdk, url, account: await createDevice(sdk, url, userId), recovery, extra });
}

/** Cross-signing, secret storage and key backup, as a client sets them up for a new account. */
export async function setUp({ crypto, recovery, userId }: CryptoUser): Promise<void> {
  await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: withPassword(userId) });
  recovery.key = await crypto.createRecoveryKeyFromPassphrase();
  const { key } = recovery;
  await crypto.bootstrapSecretStorage({ createSecretStorageKey: () => Promise.resolve(key), setupNewKeyBackup: true });
  await eventually(async () => (await crypto.getActiveSessionBackupVersion()) !== null);
}

/** Answers the server when it asks for the password. */
export function withPassword(userId: string, password = PASSWORD): UIAuthCallback<void> {
  return async (request) => {
    const answer: unknown = await request(null).catch((error: unknown) => error);
    if (!(answer instanceof Error)) return;
    const { session } = (answer as MatrixError).data as { session: string };
    await request({ type: "m.login.password", identifier: { type: "m.id.user", user: userId }, password, session });
  };
}

type Disk = InstanceType<typeof IDBFactory>;

interface Start {
  readonly sdk: Sdk;
  readonly url: string;
  readonly account: Account;
  readonly recovery: Recovery;
  readonly extra: Extra;
  /** What a browser keeps for the client. */
  readonly disk?: Disk;
}

async function startWithCrypto({ sdk, url, account, recovery, extra, disk = new IDBFactory() }: Start): Promise<CryptoUser> {
  const { device_id: deviceId = "" } = account;
  const getSecretStorageKey = ({ keys }: { keys: Record<string, unknown> }): Promise<[string, Uint8Array] | null> => {
    const [id] = Object.keys(keys);
    return Promise.resolve(id !== undefined && recovery.key ? [id, recovery.key.privateKey] : null);
  };
  const user = await start(sdk, url, account, {
    ...extra,
    options: { cryptoCallbacks: { getSecretStorageKey }, verificationMethods: ["m.sas.v1"] },
    prepare: (client) => withDisk(disk, () => client.initRustCrypto()),
  });
  const crypto = user.client.getCrypto();
  if (!crypto) throw new Error("the client does not encrypt");
  let stopped: Promise<void> | undefined;
  const cryptoUser: CryptoUser = {
    ...user,
    deviceId,
    crypto,
    recovery,
    async reads(roomId, eventId) {
      const event = await user.sees(roomId, eventId);
      await eventually(() => event.isEncrypted() && event.getClearContent() !== null && !event.isDecryptionFailure(), PATIENCE_MS);
      return event;
    },
    async cannotRead(roomId, eventId) {
      const event = await user.sees(roomId, eventId);
      await eventually(() => event.isDecryptionFailure(), PATIENCE_MS);
      return event;
    },
    says: async (roomId, text) => (await user.client.sendTextMessage(roomId, text)).event_id,
    stop: () => (stopped ??= crypto.checkKeyBackupAndEnable().then(() => user.client.stopClient())),
    async restart() {
      await cryptoUser.stop();
      return startWithCrypto({ sdk, url, account, recovery, extra, disk });
    },
  };
  return cryptoUser;
}

let inTurn: Promise<void> = Promise.resolve();

/** Every client opens a database of the same name, in what it finds to be the browser's. */
function withDisk(disk: Disk, open: () => Promise<void>): Promise<void> {
  const opened = inTurn.then(() => {
    Object.assign(globalThis, { indexedDB: disk });
    return open();
  });
  inTurn = opened.catch(() => undefined);
  return opened;
}
