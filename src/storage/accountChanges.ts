import type { Db } from "./db";
import { asStreamRows } from "./streamIds";

/** What others hold of a user is out of date: "tokens" when some or all access tokens went, "account" when a flag changed. Name and picture ("profile") nobody holds. */
export interface AccountChange {
  readonly userId: string;
  readonly what: "tokens" | "account" | "profile";
}

/** Takes ids under the lock of the stream and stores the changes. Call it last in a transaction. */
export async function appendAccountChanges(
  tx: Db,
  lockKey: number,
  changes: readonly AccountChange[],
): Promise<{ id: number; row: AccountChange }[]> {
  if (changes.length === 0) return [];
  return asStreamRows(
    await tx<AccountChange & { id: number }>`
      with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8))
      insert into account_changes (stream_id, user_id, what)
      select nextval('accounts_stream_seq'), c.* from l
      cross join unnest(${changes.map((c) => c.userId)}::text[], ${changes.map((c) => c.what)}::text[]) as c (user_id, what)
      returning stream_id as id, user_id as "userId", what`,
  );
}

export async function accountChangesBetween(db: Db, from: number, to: number): Promise<{ id: number; row: AccountChange }[]> {
  return asStreamRows(
    await db<AccountChange & { id: number }>`
      select stream_id as id, user_id as "userId", what from account_changes
      where stream_id > ${from} and stream_id <= ${to} order by stream_id`,
  );
}

/** Old changes serve nobody: a process that was away for longer starts with empty caches. */
export async function deleteOldAccountChanges(db: Db, keep: number): Promise<void> {
  await db`delete from account_changes where stream_id <= (select max(stream_id) from account_changes) - ${keep}`;
}
