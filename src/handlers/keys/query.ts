import { groupBy } from "../../lib/groupBy";
import { own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { crossSigningKeysOf, keySignaturesOn } from "../../storage/crossSigning";
import type { CrossSigningKeyRow, KeySignature, KeyUsage } from "../../storage/crossSigning";
import { deviceKeysOf } from "../../storage/deviceKeys";
import type { App } from "../app";

/** Devices by user; none means all. */
export type DevicesWanted = ReadonlyMap<string, readonly string[]>;

type Tree = Record<string, JsonValue>;

/** What is answered about keys: by user, then by device where there are several. */
export interface FoundKeys {
  readonly deviceKeys: Map<string, Tree>;
  readonly masterKeys: Map<string, JsonValue>;
  readonly selfSigningKeys: Map<string, JsonValue>;
  readonly userSigningKeys: Map<string, JsonValue>;
}

export const noKeys = (): FoundKeys => ({
  deviceKeys: new Map(),
  masterKeys: new Map(),
  selfSigningKeys: new Map(),
  userSigningKeys: new Map(),
});

/** Who asks: a user sees signatures of their own and their user-signing key, other servers see neither, nor maybe names. */
export interface Viewer {
  readonly userId: string | undefined;
  readonly showNames: boolean;
}

/** Keys of users of this server. Every user asked about is in the answer; three statements however many they are. */
export async function queryOwnUsers({ db }: Pick<App, "db">, wanted: DevicesWanted, viewer: Viewer): Promise<FoundKeys> {
  const users = [...wanted.keys()];
  const [devices, crossSigning, signatures] = await Promise.all([
    deviceKeysOf(db, users),
    crossSigningKeysOf(db, users),
    keySignaturesOn(db, users, viewer.userId),
  ]);
  const signed = signaturesByTarget(signatures);
  const found = noKeys();
  for (const userId of users) found.deviceKeys.set(userId, {});
  for (const { userId, deviceId, keys, displayName } of devices) {
    const ids = wanted.get(userId) ?? [];
    if (ids.length > 0 && !ids.includes(deviceId)) continue;
    const object = withSignatures(JSON.parse(keys) as JsonObject, signed(userId, deviceId));
    const unsigned = viewer.showNames && displayName !== null ? { device_display_name: displayName } : {};
    setOwn(found.deviceKeys.get(userId), deviceId, { ...object, unsigned });
  }
  addCrossSigningKeys(found, crossSigning, signed, viewer.userId);
  return found;
}

/** Adds cross-signing keys as the viewer may see them. */
export function addCrossSigningKeys(
  found: FoundKeys,
  rows: readonly CrossSigningKeyRow[],
  signed: SignaturesOf,
  viewer: string | undefined,
): void {
  const byUsage: Record<KeyUsage, Map<string, JsonValue>> = {
    master: found.masterKeys,
    self_signing: found.selfSigningKeys,
    user_signing: found.userSigningKeys,
  };
  for (const { userId, usage, keys } of rows) {
    if (usage === "user_signing" && userId !== viewer) continue;
    const object = JSON.parse(keys) as JsonObject;
    byUsage[usage].set(userId, withSignatures(object, signed(userId, publicPartOf(object))));
  }
}

type SignaturesOf = (userId: string, targetId: string) => readonly KeySignature[];

export function signaturesByTarget(signatures: readonly KeySignature[]): SignaturesOf {
  const idOf = (userId: string, targetId: string): string => `${userId} ${targetId}`;
  const byTarget = groupBy(signatures, ({ targetUserId, targetId }) => idOf(targetUserId, targetId));
  return (userId, targetId) => byTarget.get(idOf(userId, targetId)) ?? [];
}

/** The public part of a cross-signing key: its only key, "" where there is none. */
export function publicPartOf(key: JsonObject): string {
  const keys = own(key, "keys");
  const [value] = typeof keys === "object" && keys !== null ? Object.values(keys) : [];
  return typeof value === "string" ? value : "";
}

/** Puts signatures beside those that the key carries. */
export function withSignatures(key: JsonObject, signatures: readonly KeySignature[]): JsonObject {
  if (signatures.length === 0) return key;
  const all = new Map(Object.entries((own(key, "signatures") ?? {}) as Record<string, Tree>).map(([signer, by]) => [signer, { ...by }]));
  for (const { signer, keyId, signature } of signatures) all.set(signer, { ...all.get(signer), [keyId]: signature });
  return { ...key, signatures: Object.fromEntries(all) };
}

/** Assignment would lose a device called `__proto__`. */
export function setOwn(target: Tree | undefined, key: string, value: JsonValue): void {
  if (target) Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
