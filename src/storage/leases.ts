import type { Db } from "./db";

/** One life of a process. */
export interface LeaseHolder {
  readonly instance: string;
  readonly epoch: number;
}

/** What a statement checks, so that a process cannot write after another one took its place. */
export interface Fence extends LeaseHolder {
  readonly standsFor: string;
}

/** As parameters of holds_lease and lock_stream: where nobody else could write, nothing is checked. */
export const fenceOf = (fence: Fence | undefined): { [K in keyof Fence]: Fence[K] | null } =>
  fence ?? { standsFor: null, instance: null, epoch: null };

export interface Lease extends LeaseHolder {
  readonly standsFor: string;
  /** Until it expires unless it is renewed; by the clock of the database, since those of processes may differ. */
  readonly leftMs: number;
  readonly sharding: string | null;
}

export async function nextLeaseEpoch(db: Db): Promise<number> {
  const rows = await db<{ epoch: number }>`select nextval('lease_epochs_seq') as epoch`;
  return rows[0]?.epoch ?? 0;
}

export interface LeasesWanted {
  readonly standsFor: readonly string[];
  readonly ttlMs: number;
  /** A hash of how this process believes that work is shared. */
  readonly sharding: string | null;
}

/** Takes leases, those of an earlier life of the instance only once they have expired. Answers what it got. */
export async function takeLeases(db: Db, holder: LeaseHolder, { standsFor, ttlMs, sharding }: LeasesWanted): Promise<string[]> {
  const rows = await db<{ name: string }>`
    insert into leases as l (stands_for, instance, epoch, expires_at, sharding)
    select name, ${holder.instance}::text, ${holder.epoch}::int8, clock_timestamp() + ${ttlMs}::float8 * interval '1 ms', ${sharding}::text
    from unnest(${standsFor}::text[]) as name
    on conflict (stands_for, instance) do update
      set epoch = excluded.epoch, expires_at = excluded.expires_at, sharding = excluded.sharding
      where l.epoch = excluded.epoch or l.expires_at < clock_timestamp()
    returning stands_for as name`;
  return rows.map((row) => row.name);
}

/** Answers what is still held. A lease that has expired and that nobody deleted counts as held. */
export async function renewLeases(db: Db, holder: LeaseHolder, ttlMs: number): Promise<string[]> {
  const rows = await db<{ name: string }>`
    update leases set expires_at = clock_timestamp() + ${ttlMs}::float8 * interval '1 ms'
    where instance = ${holder.instance} and epoch = ${holder.epoch}
    returning stands_for as name`;
  return rows.map((row) => row.name);
}

/** Deletes what has expired and answers the rest. What somebody else is deleting or renewing is left to them. */
export async function sweepLeases(db: Db): Promise<Lease[]> {
  return db<Lease>`
    with expired as (
      select stands_for, instance from leases where expires_at < clock_timestamp() for update skip locked
    ), dead as (
      delete from leases l using expired e where l.stands_for = e.stands_for and l.instance = e.instance
      returning l.stands_for, l.instance
    )
    select stands_for as "standsFor", instance, epoch, sharding,
      (extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 as "leftMs"
    from leases l
    where not exists (select from dead d where d.stands_for = l.stands_for and d.instance = l.instance)
    order by stands_for, instance`;
}

/** All that have not expired. */
export async function readLeases(db: Db): Promise<Lease[]> {
  return db<Lease>`
    select stands_for as "standsFor", instance, epoch,
      (extract(epoch from expires_at - clock_timestamp()) * 1000)::float8 as "leftMs"
    from leases where expires_at >= clock_timestamp() order by stands_for, instance`;
}

export async function releaseLeases(db: Db, holder: LeaseHolder): Promise<void> {
  await db`delete from leases where instance = ${holder.instance} and epoch = ${holder.epoch}`;
}

/** Ends all lives of an instance. */
export async function evictLeases(db: Db, instance: string): Promise<void> {
  await db`delete from leases where instance = ${instance}`;
}
