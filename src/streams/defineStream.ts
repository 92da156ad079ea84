import type { Db } from "../storage/db";
import type { StreamRow } from "../storage/streamIds";
import { streamOrder } from "./order";
import type { StreamName } from "./order";
import type { RowCodec } from "./tuple";

/** Whose long polls a row ends: the users named, and everybody active in the rooms named. */
export interface WakeTargets {
  readonly users?: readonly string[];
  readonly rooms?: readonly string[];
}

/**
 * An ordered log of small facts with one owner per key. Everything that the rest of the server knows about it stands here.
 * Caches is what `invalidates` wants of the caches; annotate its second parameter.
 */
export interface StreamDeclaration<Row, Caches = unknown> {
  readonly name: StreamName;
  /** The key of `stream_writers` that names its writers, or "main". */
  readonly writer: string;
  /** How the owner of a fact is chosen among several writers. */
  readonly sharding: "single" | "room" | "user";
  /** The sequence that gives its ids. Streams without one live in the memory of their only writer and carry an epoch. */
  readonly sequence?: string;
  readonly row: RowCodec<Row>;
  /** Who acts on other streams has to know of its rows first: they are heard at once, also by those who hear in digests. */
  readonly prompt?: true;
  /** Reads the rows in (from, to], in order. Streams that live in memory have none: they ask their writer. */
  catchUp?(db: Db, from: number, to: number): Promise<readonly StreamRow<Row>[]>;
  /** Where the stream stands in the database; absent, the sequence is asked while nobody writes. */
  head?(db: Db): Promise<number>;
  /** Called for each row on every process that follows the stream, before anybody learns of the row. */
  invalidates?(row: Row, caches: Caches): void;
  wakes?(row: Row): WakeTargets;
}

export interface StreamDef<Row, Caches = unknown> extends StreamDeclaration<Row, Caches> {
  /** The key of the advisory lock under which ids are taken. */
  readonly lockKey: number;
  /** Transactions take the locks of several streams in ascending order of this. */
  readonly order: number;
}

/** A stream of whatever rows. Methods are compared loosely, so every StreamDef is one. */
export type AnyStream = StreamDef<unknown>;

/** FNV-1a over the name: the same in every version, whatever streams are added. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Keeps our advisory locks apart from others on the same database. */
const LOCK_CLASS = 0x5354;

/** Checks a declaration and adds what follows from it. */
export function defineStream<Row, Caches = unknown>(declaration: StreamDeclaration<Row, Caches>): StreamDef<Row, Caches> {
  const { name, sequence, catchUp, sharding } = declaration;
  if (sequence !== undefined && !catchUp) throw new Error(`stream ${name} has a sequence and no catchUp`);
  if (sequence === undefined && sharding !== "single") throw new Error(`stream ${name} lives in memory and can have one writer only`);
  return { ...declaration, lockKey: LOCK_CLASS * 2 ** 32 + hash32(name), order: streamOrder.indexOf(name) };
}
