import { badJson, invalidParam, MatrixError, notFound } from "../../errors";
import { hostOf } from "../../caches/memberships";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { signaturesBy, signedTextOf } from "../../rooms/signing";
import { crossSigningKeysOf, putKeySignatures } from "../../storage/crossSigning";
import type { KeySignature, KeyUsage } from "../../storage/crossSigning";
import { deviceKeysOf } from "../../storage/deviceKeys";
import type { NewDeviceListChange } from "../../storage/deviceListChanges";
import { changeAccounts } from "../../writers/accountChanges";
import type { Requester } from "../requester";
import { isSignedBy } from "./crossSigning";
import { publicPartOf } from "./query";
import { queryRemoteUsers } from "./queryRemote";
import type { RemoteListsApp } from "./remoteLists";
import { patience } from "./remoteUsers";

/** Each costs a verification. */
const MAX_OBJECTS = 1_000;

const invalidSignature = (): MatrixError => new MatrixError(400, "M_INVALID_SIGNATURE", "Invalid signature");

/** The keys against which signatures are checked. */
interface Known {
  readonly userId: string;
  readonly devices: ReadonlyMap<string, JsonObject>;
  readonly crossSigning: ReadonlyMap<KeyUsage, JsonObject>;
  /** Master keys of others. */
  readonly masters: ReadonlyMap<string, JsonObject>;
}

interface Accepted {
  readonly signatures: readonly KeySignature[];
  readonly change: NewDeviceListChange;
}

/** POST /keys/signatures/upload: keeps the signatures that are right, and tells what is wrong with the others. */
export async function uploadSignatures(app: RemoteListsApp, requester: Requester, body: JsonObject): Promise<JsonObject> {
  const objects = Object.entries(body).flatMap(([target, keys]) => {
    if (!isJsonObject(keys)) throw badJson("Signed keys must be objects by user and id");
    return Object.entries(keys).map(([id, object]) => ({ target, id, object }));
  });
  if (objects.length > MAX_OBJECTS) throw badJson("Too many signatures");
  const known = await loadKnown(app, requester.userId, new Set(objects.map(({ target }) => target)));
  const accepted: Accepted[] = [];
  const failures = new Map<string, Map<string, JsonObject>>();
  for (const { target, id, object } of objects) {
    try {
      accepted.push(check(known, target, id, object));
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      failures.set(target, (failures.get(target) ?? new Map<string, JsonObject>()).set(id, { status: error.status, ...error.body() }));
    }
  }
  if (accepted.length > 0) {
    await changeAccounts(app, async (tx) => {
      await putKeySignatures(
        tx,
        accepted.flatMap(({ signatures }) => signatures),
      );
      return { value: undefined, devices: accepted.map(({ change }) => change) };
    });
  }
  return { failures: Object.fromEntries(Array.from(failures, ([target, byId]) => [target, Object.fromEntries(byId)])) };
}

async function loadKnown(app: RemoteListsApp, userId: string, targets: ReadonlySet<string>): Promise<Known> {
  const [devices, rows] = await Promise.all([deviceKeysOf(app.db, [userId]), crossSigningKeysOf(app.db, [userId, ...targets])]);
  const masters = new Map(
    rows.flatMap(({ userId: who, usage, keys }) => (usage === "master" ? [[who, JSON.parse(keys) as JsonObject]] : [])),
  );
  const unknown = [...targets].filter((target) => !masters.has(target) && hostOf(target) !== app.serverName);
  await Promise.all(
    unknown.map(async (target) => {
      // Who cannot be asked has no key that we know of.
      const found = await queryRemoteUsers(app, hostOf(target), new Map([[target, []]]), {
        viewer: userId,
        timeoutMs: patience(undefined),
      }).catch(() => undefined);
      const master = found?.masterKeys.get(target);
      if (isJsonObject(master)) masters.set(target, master);
    }),
  );
  return {
    userId,
    devices: new Map(devices.map(({ deviceId, keys }) => [deviceId, JSON.parse(keys) as JsonObject])),
    crossSigning: new Map(rows.flatMap((row) => (row.userId === userId ? [[row.usage, JSON.parse(row.keys) as JsonObject]] : []))),
    masters,
  };
}

/** The signatures that the object brings. Throws what is wrong with them. */
function check(known: Known, target: string, id: string, object: JsonValue | undefined): Accepted {
  const { userId, crossSigning, masters } = known;
  if (!isJsonObject(object)) throw badJson("A signed key must be an object");
  if (target !== userId) return checkByUser(known, target, id, object);
  const master = masters.get(userId);
  if (master && id === publicPartOf(master)) return checkByDevices(known, master, object);
  const device = known.devices.get(id);
  if (!device) throw notFound("Unknown device");
  requireSame(object, device);
  const selfSigning = crossSigning.get("self_signing");
  if (!selfSigning) throw notFound("There is no self-signing key");
  return {
    signatures: [signatureBy(userId, publicPartOf(selfSigning), { target: userId, id, object })],
    change: { userId, deviceId: id },
  };
}

/** Devices of the user sign their master key. */
function checkByDevices({ userId, devices }: Known, master: JsonObject, object: JsonObject): Accepted {
  requireSame(object, master);
  const id = publicPartOf(master);
  const signatures = Array.from(signaturesBy(object, userId)).flatMap(([keyId, signature]) => {
    const device = devices.get(keyId.slice("ed25519:".length));
    const keys = device && own(device, "keys");
    const publicKey = isJsonObject(keys) ? own(keys, keyId) : undefined;
    if (typeof publicKey !== "string") return [];
    if (!isSignedBy(object, userId, publicKey, keyId)) throw invalidSignature();
    return [{ targetUserId: userId, targetId: id, signer: userId, keyId, signature }];
  });
  if (signatures.length === 0) throw invalidSignature();
  return { signatures, change: { userId, deviceId: "", what: "cross_signing" } };
}

/** The user signs another user's master key, which is theirs alone to see. */
function checkByUser({ userId, crossSigning, masters }: Known, target: string, id: string, object: JsonObject): Accepted {
  const userSigning = crossSigning.get("user_signing");
  if (!userSigning) throw notFound("There is no user-signing key");
  const master = masters.get(target);
  if (!master || id !== publicPartOf(master)) throw notFound("Unknown master key");
  requireSame(object, master);
  return {
    signatures: [signatureBy(userId, publicPartOf(userSigning), { target, id, object })],
    change: { userId: target, deviceId: "", what: "cross_signing", audience: userId },
  };
}

function requireSame(object: JsonObject, stored: JsonObject): void {
  if (signedTextOf(object) !== signedTextOf(stored)) throw invalidParam("The signed key is not the one that is known");
}

function signatureBy(
  signer: string,
  publicKey: string,
  { target, id, object }: { target: string; id: string; object: JsonObject },
): KeySignature {
  const keyId = `ed25519:${publicKey}`;
  const signature = signaturesBy(object, signer).get(keyId);
  if (signature === undefined || !isSignedBy(object, signer, publicKey)) throw invalidSignature();
  return { targetUserId: target, targetId: id, signer, keyId, signature };
}
