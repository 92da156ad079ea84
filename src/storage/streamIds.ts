import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { Fence } from "./leases";

/** A fact of a stream with its id. */
export interface StreamRow<Row> {
  readonly id: number;
  readonly row: Row;
}

/** The lock that a writer takes, and what it has to stand for then; undefined where anybody may write. */
export interface StreamLock {
  readonly lockKey: number;
  readonly fence?: Fence | undefined;
}

/** What ids are taken from; a StreamDef has these. */
export interface IdSource {
  readonly lockKey: number;
  readonly sequence?: string;
}

function sequenceOf(stream: IdSource): string {
  if (stream.sequence === undefined) throw new Error("this stream lives in memory and has no sequence");
  return stream.sequence;
}

/**
 * Keeps all others from taking ids of the stream until this transaction ends, so that ids commit in order. Call it as late as
 * can be, for several streams in the order of `StreamDef.order`, and do nothing slow while holding it. With a fence it throws LeaseLostError
 * where the process no longer stands for the stream: until then nobody else has written as its owner.
 */
export async function lockStream(tx: Db, { lockKey, fence }: StreamLock): Promise<void> {
  const { standsFor, instance, epoch } = fenceOf(fence);
  await tx`select lock_stream(${lockKey}::int8, ${standsFor}::text, ${instance}::text, ${epoch}::int8)`;
}

/** Takes n consecutive ids, ascending. Takes the lock of the stream too, so lockStream need not be called before. */
export async function nextIds(tx: Db, stream: IdSource, n: number): Promise<number[]> {
  if (n === 0) return [];
  const rows = await tx<{ id: number }>`
    with l as materialized (select pg_advisory_xact_lock(${stream.lockKey}::int8))
    select nextval(${sequenceOf(stream)}::text::regclass) as id from l cross join generate_series(1, ${n}::int4)`;
  return rows.map((row) => row.id);
}

/**
 * The position of the stream: all ids up to it are committed or will never be. A sequence alone runs ahead of what is
 * committed, so this waits for the transaction that holds the stream's lock.
 */
export async function streamHead(db: Db, stream: IdSource): Promise<number> {
  const rows = await db<{ head: number }>`
    with l as materialized (select pg_advisory_xact_lock_shared(${stream.lockKey}::int8))
    select coalesce(pg_sequence_last_value(${sequenceOf(stream)}::text::regclass), 0) as head from l`;
  return rows[0]?.head ?? 0;
}

/** Shapes the result of a catch-up query: each row carries its `id`, and whatever the stream's codec wants beside it. */
export function asStreamRows<Row extends { readonly id: number }>(rows: readonly Row[]): StreamRow<Row>[] {
  return rows.map((row) => ({ id: row.id, row }));
}
