import type { Db } from "./db";

export type Medium = "email" | "msisdn";

export interface ThreepidRow {
  readonly medium: Medium;
  readonly address: string;
  readonly userId: string;
  readonly validatedAt: number;
  readonly addedAt: number;
}

export async function getThreepids(db: Db, userIds: readonly string[]): Promise<ThreepidRow[]> {
  return db<ThreepidRow>`
    select medium, address, user_id as "userId", validated_at as "validatedAt", added_at as "addedAt"
    from user_threepids where user_id = any(${userIds}::text[]) order by user_id, added_at`;
}

export async function getThreepidOwner(db: Db, medium: string, address: string): Promise<string | undefined> {
  const rows = await db<{ userId: string }>`
    select user_id as "userId" from user_threepids where medium = ${medium} and address = ${address}`;
  return rows[0]?.userId;
}

/** Adds or renews an address of a user. Gives whether the address is now theirs: false when somebody else has it. */
export async function addThreepid(db: Db, threepid: ThreepidRow): Promise<boolean> {
  const rows = await db`
    insert into user_threepids as t (medium, address, user_id, validated_at, added_at)
    values (${threepid.medium}, ${threepid.address}, ${threepid.userId}, ${threepid.validatedAt}, ${threepid.addedAt})
    on conflict (medium, address) do update set validated_at = excluded.validated_at where t.user_id = excluded.user_id
    returning user_id`;
  return rows.length > 0;
}

/** Adds an address to a user, whoever had it before. */
export async function takeThreepid(db: Db, threepid: ThreepidRow): Promise<void> {
  await db`
    insert into user_threepids (medium, address, user_id, validated_at, added_at)
    values (${threepid.medium}, ${threepid.address}, ${threepid.userId}, ${threepid.validatedAt}, ${threepid.addedAt})
    on conflict (medium, address) do update set
      user_id = excluded.user_id, validated_at = excluded.validated_at, added_at = excluded.added_at`;
}

export async function deleteThreepid(db: Db, userId: string, medium: string, address: string): Promise<void> {
  await db`delete from user_threepids where user_id = ${userId} and medium = ${medium} and address = ${address}`;
}

export async function deleteAllThreepids(db: Db, userId: string): Promise<void> {
  await db`delete from user_threepids where user_id = ${userId}`;
}

export interface BindingRow {
  readonly medium: string;
  readonly address: string;
  readonly idServer: string;
}

/** Where the addresses of a user were bound through this server. */
export async function getBindings(db: Db, userId: string): Promise<BindingRow[]> {
  return db<BindingRow>`select medium, address, id_server as "idServer" from threepid_bindings where user_id = ${userId}`;
}

export async function addBinding(db: Db, userId: string, binding: BindingRow): Promise<void> {
  await db`
    insert into threepid_bindings (user_id, medium, address, id_server)
    values (${userId}, ${binding.medium}, ${binding.address}, ${binding.idServer}) on conflict do nothing`;
}

export async function deleteBinding(db: Db, userId: string, binding: BindingRow): Promise<void> {
  await db`
    delete from threepid_bindings
    where user_id = ${userId} and medium = ${binding.medium} and address = ${binding.address} and id_server = ${binding.idServer}`;
}
