import type { Db } from "./db";

export async function countMonthlyActive(db: Db): Promise<number> {
  const rows = await db<{ n: number }>`select count(*)::int as n from monthly_active_users`;
  return rows[0]?.n ?? 0;
}

export async function isMonthlyActive(db: Db, userId: string): Promise<boolean> {
  return (await db`select 1 from monthly_active_users where user_id = ${userId}`).length > 0;
}

/** Records activity; in a fixed order, so that processes that do it at once cannot deadlock. */
export async function markMonthlyActive(db: Db, userIds: readonly string[], ts: number): Promise<void> {
  await db`
    insert into monthly_active_users (user_id, last_active_ts)
    select distinct id, ${ts}::int8 from unnest(${userIds}::text[]) as u (id) order by id
    on conflict (user_id) do update set last_active_ts = greatest(monthly_active_users.last_active_ts, excluded.last_active_ts)`;
}

/**
 * Forgets users inactive since `before`, and above `keep` users the least recently active, except the owners of `reserved`
 * addresses ("medium:address").
 */
export async function reapMonthlyActive(db: Db, before: number, keep: number, reserved: readonly string[]): Promise<void> {
  await db`
    with exempt as (
      select user_id from user_threepids where medium || ':' || address = any(${reserved}::text[])
    ), kept as (
      select m.user_id from monthly_active_users m left join exempt e using (user_id)
      where m.last_active_ts >= ${before} or e.user_id is not null
      order by (e.user_id is not null) desc, m.last_active_ts desc limit ${keep}
    )
    delete from monthly_active_users where user_id not in (select user_id from kept)`;
}
