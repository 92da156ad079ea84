import type { Db } from "./db";

export type KeyUsage = "master" | "self_signing" | "user_signing";

/** A cross-signing key as JSON text. */
export interface CrossSigningKeyRow {
  readonly userId: string;
  readonly usage: KeyUsage;
  readonly keys: string;
}

/** A signature uploaded apart from the key. targetId: a device, or the public part of a master key. */
export interface KeySignature {
  readonly targetUserId: string;
  readonly targetId: string;
  readonly signer: string;
  readonly keyId: string;
  readonly signature: string;
}

export async function crossSigningKeysOf(db: Db, userIds: readonly string[]): Promise<CrossSigningKeyRow[]> {
  if (userIds.length === 0) return [];
  return db<CrossSigningKeyRow>`
    select user_id as "userId", usage, keys from cross_signing_keys where user_id = any(${userIds}::text[])`;
}

/** Gives the usages of those that differ from what was there. */
export async function putCrossSigningKeys(db: Db, rows: readonly CrossSigningKeyRow[]): Promise<{ userId: string; usage: KeyUsage }[]> {
  if (rows.length === 0) return [];
  return db`
    insert into cross_signing_keys as k (user_id, usage, keys)
    select * from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.usage)}::text[], ${rows.map((r) => r.keys)}::text[])
    on conflict (user_id, usage) do update set keys = excluded.keys where k.keys <> excluded.keys
    returning user_id as "userId", usage`;
}

export async function putKeySignatures(db: Db, rows: readonly KeySignature[]): Promise<void> {
  if (rows.length === 0) return;
  await db`
    insert into key_signatures as s (target_user_id, target_id, signer, key_id, signature)
    select * from unnest(${rows.map((r) => r.targetUserId)}::text[], ${rows.map((r) => r.targetId)}::text[],
      ${rows.map((r) => r.signer)}::text[], ${rows.map((r) => r.keyId)}::text[], ${rows.map((r) => r.signature)}::text[])
    on conflict (target_user_id, target_id, signer, key_id) do update set signature = excluded.signature
    where s.signature <> excluded.signature`;
}

/** Signatures on keys of the users that the viewer may see: those by the owner of the key, and the viewer's own. */
export async function keySignaturesOn(db: Db, userIds: readonly string[], viewer: string | undefined): Promise<KeySignature[]> {
  if (userIds.length === 0) return [];
  return db<KeySignature>`
    select target_user_id as "targetUserId", target_id as "targetId", signer, key_id as "keyId", signature from key_signatures
    where target_user_id = any(${userIds}::text[]) and (signer = target_user_id or signer = ${viewer ?? null})`;
}
