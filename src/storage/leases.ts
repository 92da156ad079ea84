import type { Db } from "./db";

/** One life of a process. */
export interface LeaseHolder {
  readonly instance: string;
  readonly epoch: number;
}

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

/**
 * Deletes what has expired and answers the rest. A row that a writer's unfinished transaction has checked stays until that
 * transaction has ended, and so does its owner.
 */
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

/** This process was taken for dead and another one may own what it wanted to write. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

/** Fails unless the lease is held, and keeps it from being taken away until the transaction has ended. */
export async function requireLease(tx: Db, lease: LeaseHolder & { readonly standsFor: string }): Promise<void> {
  const rows = await tx`
    select 1 from leases
    where stands_for = ${lease.standsFor} and instance = ${lease.instance} and epoch = ${lease.epoch}
    for key share`;
  if (rows.length === 0) throw new LeaseLostError(`${lease.instance} no longer stands for ${lease.standsFor}`);
}
