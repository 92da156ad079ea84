import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { Fence } from "./leases";

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

/** A position in the events stream after which a server has missed something. */
export interface Missed {
  readonly destination: string;
  readonly after: number;
}

/** Notes what servers have missed. What they missed before stays noted. */
export async function noteMissed(db: Db, missed: readonly Missed[]): Promise<void> {
  if (missed.length === 0) return;
  await db`
    insert into destinations as d (destination, missed_after)
    select destination, after from unnest(${missed.map((m) => m.destination)}::text[], ${missed.map((m) => m.after)}::int8[])
      as m(destination, after) order by 1
    on conflict (destination) do update set missed_after = least(d.missed_after, excluded.missed_after)`;
}

/**
 * A server that had missed what came after `from` now has all up to `to`; with undefined, all there is. Where something earlier has
 * been noted meanwhile, that stays, and so does all where another process sends to the server by now.
 */
export async function moveMissed(
  db: Db,
  destination: string,
  move: { readonly from: number; readonly to: number | undefined },
  fence?: Fence,
): Promise<void> {
  const { standsFor, instance, epoch } = fenceOf(fence);
  await db`
    update destinations set missed_after = ${move.to ?? null}
    where destination = ${destination} and missed_after = ${move.from}
      and holds_lease(${standsFor}::text, ${instance}::text, ${epoch}::int8)`;
}

/** A server for which something waits. */
export interface WaitingDestination {
  readonly destination: string;
  /** Position in the events stream after which it has missed something; null where it hasn't. */
  readonly missedAfter: number | null;
  readonly toDevice: boolean;
  readonly deviceLists: boolean;
  /** Until when it is left alone, ms since the epoch. */
  readonly retryAt: number;
}

export async function waitingDestinations(db: Db): Promise<WaitingDestination[]> {
  return db<WaitingDestination>`
    select destination, max(missed_after) as "missedAfter", bool_or(to_device) as "toDevice", bool_or(device_lists) as "deviceLists",
           coalesce(max(d.retry_last_ts + d.retry_interval) filter (where d.failing_since is not null), 0) as "retryAt"
    from (
      select destination, true as to_device, false as device_lists from (select distinct destination from to_device_outbox) t
      union all
      select destination, false, true from (select distinct destination from device_list_outbox) l
      union all
      select destination, false, false from destinations where missed_after is not null
    ) w left join destinations d using (destination)
    group by destination order by destination`;
}
