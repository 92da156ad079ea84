import type { UserPushRules } from "../rooms/push/rules";
import type { ClassChange } from "../rooms/push/classes";
import type { Db } from "./db";
import { asStreamRows } from "./streamIds";

export interface StoredPushRules {
  readonly userId: string;
  readonly streamId: number;
  readonly rules: UserPushRules;
}

/** Rules of those users who ever changed them. */
export async function getPushRules(db: Db, userIds: readonly string[]): Promise<StoredPushRules[]> {
  const rows = await db<{ userId: string; streamId: number; rules: string }>`
    select user_id as "userId", stream_id as "streamId", rules from push_rules where user_id = any(${userIds}::text[])`;
  return rows.map((row) => ({ ...row, rules: JSON.parse(row.rules) as UserPushRules }));
}

/** Keeps everybody else from changing the rules of a user, who may have no row yet, until the transaction ends. */
export async function lockPushRules(tx: Db, userId: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${userId}, 6361270))`;
}

/** Stores rules under the next id of the stream, whose lock it takes: call it last in a transaction. */
export async function storePushRules(
  tx: Db,
  lockKey: number,
  userId: string,
  rules: UserPushRules,
): Promise<{ id: number; row: { userId: string } }[]> {
  const rows = await tx<{ id: number; userId: string }>`
    with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8))
    insert into push_rules (user_id, stream_id, rules)
    select ${userId}::text, nextval('push_rules_stream_seq'), ${JSON.stringify(rules)}::text from l
    on conflict (user_id) do update set stream_id = excluded.stream_id, rules = excluded.rules
    returning stream_id as id, user_id as "userId"`;
  return rows.map(({ id, userId: owner }) => ({ id, row: { userId: owner } }));
}

/** Catch-up of the stream push_rules. */
export async function pushRulesBetween(db: Db, from: number, to: number): Promise<{ id: number; row: { userId: string } }[]> {
  return asStreamRows(
    await db<{ id: number; userId: string }>`
      select stream_id as id, user_id as "userId" from push_rules where stream_id > ${from} and stream_id <= ${to} order by stream_id`,
  );
}

export interface UserClassRow {
  readonly userId: string;
  readonly roomId: string;
  readonly since: number;
  readonly classId: number | null;
}

/** Records that a user is in other classes from position `since` of the events stream on. */
export async function insertClassChanges(db: Db, userId: string, since: number, changes: readonly ClassChange[]): Promise<void> {
  await db`
    insert into push_user_classes (user_id, room_id, since, class_id)
    select ${userId}::text, c.room_id, ${since}::int8, c.class_id
    from unnest(${changes.map((c) => c.roomId)}::text[], ${changes.map((c) => c.classId)}::int8[]) as c(room_id, class_id)
    on conflict (user_id, room_id, since) do update set class_id = excluded.class_id`;
}

/** The classes of users over time, oldest first. */
export async function getUserClasses(db: Db, userIds: readonly string[]): Promise<UserClassRow[]> {
  return db<UserClassRow>`
    select user_id as "userId", room_id as "roomId", since, class_id as "classId"
    from push_user_classes where user_id = any(${userIds}::text[]) order by user_id, room_id, since`;
}

/** Forgets which classes users were in before a position, but for the last at or before it. */
export async function deleteOldUserClasses(db: Db, before: number): Promise<void> {
  await db`
    delete from push_user_classes c where since < ${before} and exists (
      select from push_user_classes n
      where n.user_id = c.user_id and n.room_id = c.room_id and n.since > c.since and n.since <= ${before})`;
}

/** Forgets the rules of users, for accounts that are erased. Readers notice when their caches next expire. */
export async function deletePushRules(db: Db, userIds: readonly string[]): Promise<void> {
  await Promise.all([
    db`delete from push_rules where user_id = any(${userIds}::text[])`,
    db`delete from push_user_classes where user_id = any(${userIds}::text[])`,
  ]);
}
