import type { Db } from "./db";

/** How a server that does not answer is treated. */
export interface RetryState {
  readonly failingSince: number;
  readonly retryLastTs: number;
  /** ms. */
  readonly retryInterval: number;
}

/** Undefined for servers that answer. */
export async function getRetryState(db: Db, destination: string): Promise<RetryState | undefined> {
  const rows = await db<RetryState>`
    select failing_since as "failingSince", retry_last_ts as "retryLastTs", retry_interval as "retryInterval"
    from destinations where destination = ${destination} and failing_since is not null`;
  return rows[0];
}

/** Several processes may fail at once: the longest interval wins. */
export async function putRetryState(db: Db, destination: string, state: RetryState): Promise<void> {
  await db`
    insert into destinations as d (destination, failing_since, retry_last_ts, retry_interval)
    values (${destination}, ${state.failingSince}, ${state.retryLastTs}, ${state.retryInterval})
    on conflict (destination) do update set failing_since = coalesce(d.failing_since, excluded.failing_since),
      retry_last_ts = excluded.retry_last_ts, retry_interval = excluded.retry_interval
      where d.failing_since is null or d.retry_interval <= excluded.retry_interval`;
}

export async function clearRetryState(db: Db, destination: string): Promise<void> {
  await db`
    update destinations set failing_since = null, retry_last_ts = 0, retry_interval = 0
    where destination = ${destination} and failing_since is not null`;
}

/** Notes that servers have missed what came after a position. What they missed before stays noted. */
export async function noteMissed(db: Db, destinations: readonly string[], after: number): Promise<void> {
  await db`
    insert into destinations as d (destination, missed_after)
    select name, ${after} from unnest(${destinations}::text[]) as n(name) order by 1
    on conflict (destination) do update set missed_after = least(d.missed_after, excluded.missed_after)`;
}

/** The server has all up to this position; with undefined, it has missed nothing. */
export async function setMissed(db: Db, destination: string, after: number | undefined): Promise<void> {
  await db`update destinations set missed_after = ${after ?? null} where destination = ${destination}`;
}

/** Servers that have missed something, with the position after which. */
export async function destinationsWithMissed(db: Db): Promise<{ destination: string; missedAfter: number }[]> {
  return db`select destination, missed_after as "missedAfter" from destinations where missed_after is not null order by destination`;
}
