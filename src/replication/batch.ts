import type { StreamRow } from "../storage/streamIds";
import type { AnyStream } from "../streams/defineStream";

/** Consecutive rows of a stream. One without rows says only where the stream stands. */
export interface StreamBatch {
  /** Tells one life of a memory-only stream's writer from the next; empty for streams in the database. */
  readonly epoch: string;
  /** Whoever stands here or later has everything that came before the rows. */
  readonly before: number;
  /** Where the stream stands with these rows. */
  readonly after: number;
  /** What keeping the batch costs, in characters. */
  readonly size: number;
  /** Decodes the rows. Throws where they don't fit the stream. */
  rows(): readonly StreamRow<unknown>[];
}

/** One message: a line of instance, epoch, before and after, then the rows as JSON arrays that start with their ids. */
export function encodeBatch(stream: AnyStream, instance: string, batch: StreamBatch): string {
  const rows = batch.rows().map(({ id, row }) => [id, ...stream.row.encode(row)]);
  return `${encodeURIComponent(instance)} ${batch.epoch || "-"} ${batch.before} ${batch.after}\n${rows.length > 0 ? JSON.stringify(rows) : ""}`;
}

/** The batch in a message and who sent it; undefined where the message isn't one. Rows stay text until somebody asks for them. */
export function decodeBatch(stream: AnyStream, text: string): { readonly instance: string; readonly batch: StreamBatch } | undefined {
  const match = /^(\S+) (\S+) (-?\d+) (-?\d+)\n/.exec(text);
  if (!match) return undefined;
  const [header, instance = "", epoch = "", before, after] = match;
  const body = text.slice(header.length);
  const batch: StreamBatch = {
    epoch: epoch === "-" ? "" : epoch,
    before: Number(before),
    after: Number(after),
    size: text.length,
    rows: () => (body === "" ? [] : decodeRows(stream, JSON.parse(body))),
  };
  return { instance: decodeURIComponent(instance), batch };
}

/** The inverse of what encodeBatch does to rows; also for rows that came in an answer. */
export function decodeRows(stream: AnyStream, wire: unknown): StreamRow<unknown>[] {
  if (!Array.isArray(wire)) throw new Error("rows are not an array");
  return wire.map((item: unknown) => {
    if (!Array.isArray(item) || !Number.isSafeInteger(item[0])) throw new Error("a row is not an array with an id");
    return { id: item[0] as number, row: stream.row.decode(item, 1) };
  });
}

/** A batch of rows that this process wrote. They must be ordered by id. */
export function batchOf(rows: readonly StreamRow<unknown>[], epoch: string, before: number): StreamBatch {
  return { epoch, before, after: rows.at(-1)?.id ?? before, size: rows.length * 100, rows: () => rows };
}

/** Says where the stream stands. */
export function announcement(epoch: string, position: number): StreamBatch {
  return { epoch, before: position, after: position, size: 0, rows: () => [] };
}
