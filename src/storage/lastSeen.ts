import { columns, type Db } from "./db";

/** One device at one address. deviceId is "" for requests without a device. */
export interface SeenRow {
  readonly userId: string;
  readonly deviceId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly lastSeenTs: number;
}

/** Writes a batch, in a fixed row order, so that two processes that flush at once cannot deadlock. */
export async function recordSeen(db: Db, rows: readonly SeenRow[]): Promise<void> {
  const c = columns(rows);
  await db`
    with seen as (
      select distinct on (user_id, device_id, ip) * from unnest(${c.userId}::text[], ${c.deviceId}::text[], ${c.ip}::text[],
        ${c.userAgent}::text[], ${c.lastSeenTs}::int8[]) as s (user_id, device_id, ip, user_agent, last_seen_ts)
      order by user_id, device_id, ip, last_seen_ts desc
    ), ips as (
      insert into user_ips (user_id, device_id, ip, user_agent, last_seen_ts) select * from seen
      on conflict (user_id, device_id, ip) do update set user_agent = excluded.user_agent, last_seen_ts = excluded.last_seen_ts
        where user_ips.last_seen_ts < excluded.last_seen_ts
    ), latest as (
      select distinct on (user_id, device_id) * from seen order by user_id, device_id, last_seen_ts desc
    ), locked as (
      select d.user_id, d.device_id from devices d join latest l using (user_id, device_id) order by 1, 2 for update of d
    )
    update devices d set last_seen_ts = l.last_seen_ts, last_seen_ip = l.ip, last_seen_user_agent = l.user_agent
    from latest l join locked using (user_id, device_id)
    where d.user_id = l.user_id and d.device_id = l.device_id and coalesce(d.last_seen_ts, 0) < l.last_seen_ts`;
}

export async function getSeen(db: Db, userId: string): Promise<SeenRow[]> {
  return db<SeenRow>`
    select user_id as "userId", device_id as "deviceId", ip, user_agent as "userAgent", last_seen_ts as "lastSeenTs"
    from user_ips where user_id = ${userId} order by last_seen_ts desc`;
}

/** For `user_ips_max_age`. */
export async function deleteOldSeen(db: Db, before: number, limit: number): Promise<number> {
  const rows = await db`
    delete from user_ips where ctid in (select ctid from user_ips where last_seen_ts < ${before} limit ${limit}) returning user_id`;
  return rows.length;
}

/** For a deactivated account. */
export async function deleteSeenOf(db: Db, userId: string): Promise<void> {
  await db`delete from user_ips where user_id = ${userId}`;
}
