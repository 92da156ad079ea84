import { systemClock } from "../../src/lib/clock";
import { systemRandom } from "../../src/lib/random";
import type { Bus } from "../../src/replication/bus";
import { createSoloBus } from "../../src/replication/bus";
import { decodeUpdates } from "../../src/replication/memoryLog";
import { Notifier } from "../../src/replication/notifier";
import { Streams } from "../../src/replication/streams";
import type { StreamsOptions } from "../../src/replication/streams";
import type { Database, Db } from "../../src/storage/db";
import { defineStream } from "../../src/streams/defineStream";
import type { StreamRow } from "../../src/storage/streamIds";
import { tuple } from "../../src/streams/tuple";

export const quietLog = { debug() {}, info() {}, warn() {}, error() {} };

/** There is no database in unit tests: rows come from an array, and transactions only call. */
const query = (() => Promise.reject(new Error("no database here"))) as Db;
export const noDatabase: Database = Object.assign(query.bind(undefined) as Db, {
  tx: <T>(fn: (tx: Db) => Promise<T>) => fn(query),
  close: async () => undefined,
});

export interface ReceiptRow {
  readonly roomId: string;
  readonly userId: string;
}

/** A table that all processes of a test share, with the stream over it. */
export function receiptTable() {
  const rows: StreamRow<ReceiptRow>[] = [];
  const reads: [number, number][] = [];
  let failing = 0;
  const stream = defineStream({
    name: "receipts",
    writer: "receipts",
    sharding: "room",
    sequence: "test_seq",
    row: tuple({ roomId: "string", userId: "string" }),
    head: async () => rows.at(-1)?.id ?? 0,
    catchUp: async (_db, from, to) => {
      reads.push([from, to]);
      if (failing-- > 0) throw new Error("the database is away");
      return rows.filter(({ id }) => id > from && id <= to);
    },
    invalidates: (row, caches: Set<string>) => void caches.delete(row.roomId),
    wakes: (row) => ({ rooms: [row.roomId] }),
  });
  return {
    stream,
    rows,
    reads,
    failNextReads: (n: number) => (failing = n),
    /** Commits rows with the next ids. */
    insert(...added: readonly ReceiptRow[]): StreamRow<ReceiptRow>[] {
      const first = (rows.at(-1)?.id ?? 0) + 1;
      const out = added.map((row, i) => ({ id: first + i, row }));
      rows.push(...out);
      return out;
    },
  };
}

export const typingStream = defineStream({
  name: "typing",
  writer: "typing",
  sharding: "single",
  row: tuple({ roomId: "string", users: "json" }),
  wakes: (row) => ({ rooms: [row.roomId] }),
});

/** One process: its streams and its notifier. */
export function testProcess(options: Partial<StreamsOptions> & Pick<StreamsOptions, "defs">, typingWriter?: () => Streams) {
  const notifier = new Notifier({ clock: systemClock });
  const bus: Bus = options.bus ?? createSoloBus();
  const streams: Streams = new Streams({
    db: noDatabase,
    bus,
    notifier,
    caches: new Set(),
    log: quietLog,
    clock: systemClock,
    random: systemRandom,
    instance: "main",
    channelPrefix: "test/",
    fetchMemory: async (stream, q) => decodeUpdates(stream, (typingWriter?.() ?? streams).updatesSince(q)),
    graceMs: 5,
    pollMs: 10,
    announceMs: 20,
    ...options,
  });
  return { streams, notifier, bus };
}
