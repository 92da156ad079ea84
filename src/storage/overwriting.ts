import type { Db } from "./db";
import { BY_NO_EVENT } from "./events";

/** Events that were redacted before `before` and whose text is still there, oldest first. */
export async function redactedTexts(db: Db, before: number, limit: number): Promise<number[]> {
  const rows = await db<{ nid: number }>`select nid from redacted_texts where redacted_ts <= ${before} order by redacted_ts limit ${limit}`;
  return rows.map(({ nid }) => nid);
}

/** Events whose time is over, oldest first. */
export async function expiredEvents(db: Db, now: number, limit: number): Promise<number[]> {
  const rows = await db<{ nid: number }>`select nid from event_expiry where expires_ts <= ${now} order by expires_ts limit ${limit}`;
  return rows.map(({ nid }) => nid);
}

export async function insertExpiries(db: Db, rows: readonly { nid: number; expiresTs: number }[]): Promise<void> {
  await db`
    insert into event_expiry (nid, expires_ts)
    select * from unnest(${rows.map((r) => r.nid)}::int8[], ${rows.map((r) => r.expiresTs)}::int8[])
    on conflict (nid) do nothing`;
}

/** Puts other texts in the place of events', which count as redacted from then on. */
export async function overwriteEvents(db: Db, rows: readonly { nid: number; json: string }[]): Promise<void> {
  await db`
    update events e set json = t.json, redacted_by = coalesce(e.redacted_by, ${BY_NO_EVENT})
    from unnest(${rows.map((r) => r.nid)}::int8[], ${rows.map((r) => r.json)}::text[]) as t(nid, json)
    where e.nid = t.nid`;
}

/** Nothing is left to be overwritten of these events. */
export async function deleteOverwritten(db: Db, nids: readonly number[]): Promise<void> {
  await Promise.all([
    db`delete from redacted_texts where nid = any(${nids}::int8[])`,
    db`delete from event_expiry where nid = any(${nids}::int8[])`,
  ]);
}
