/** The newest rows of a stream, by the room or user that they belong to. */
export interface RecentRows<Row extends { readonly streamId: number }> {
  push(key: string, row: Row): void;
  /** The rows of a key with from < position <= to, in order; undefined where memory does not reach back so far. */
  between(key: string, from: number, to: number): readonly Row[] | undefined;
  /** All rows after from, in order; undefined where memory does not reach back so far. */
  after(from: number): readonly Row[] | undefined;
}

/** Of one key: the database knows better what is left of more. */
const MAX_OF_KEY = 1_000;

interface Tail<Row> {
  /** Everything of the key after this position is in rows. */
  from: number;
  rows: Row[];
}

/** The index of the first item after a position; items are in order. */
function firstAfter<T>(items: readonly T[], position: number, positionOf: (item: T) => number): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && positionOf(item) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** start: the position of the stream when the process began to follow it. */
export function createRecentRows<Row extends { readonly streamId: number }>(start: () => number, max: number): RecentRows<Row> {
  let horizon: number | undefined;
  let all: { readonly key: string; readonly row: Row }[] = [];
  const byKey = new Map<string, Tail<Row>>();
  const idOf = (row: Row): number => row.streamId;

  /** A quarter goes at once, so that the cost of a row stays constant. */
  function shrink(): void {
    const keep = Math.floor((max * 3) / 4);
    const dropped = all.slice(0, all.length - keep);
    all = all.slice(dropped.length);
    const limit = dropped.at(-1)?.row.streamId ?? 0;
    horizon = Math.max(horizon ?? 0, limit);
    for (const key of new Set(dropped.map((entry) => entry.key))) {
      const tail = byKey.get(key);
      if (!tail) continue;
      tail.rows = tail.rows.slice(firstAfter(tail.rows, limit, idOf));
      if (tail.rows.length === 0) byKey.delete(key);
    }
  }

  const reaches = (from: number): boolean => from >= (horizon ??= start());
  return {
    push(key, row) {
      horizon ??= start();
      all.push({ key, row });
      let tail = byKey.get(key);
      if (!tail) byKey.set(key, (tail = { from: horizon, rows: [] }));
      tail.rows.push(row);
      if (tail.rows.length > MAX_OF_KEY) {
        tail.from = tail.rows[MAX_OF_KEY / 2]?.streamId ?? tail.from;
        tail.rows = tail.rows.slice(MAX_OF_KEY / 2 + 1);
      }
      if (all.length > max) shrink();
    },
    between(key, from, to) {
      if (!reaches(from)) return undefined;
      const tail = byKey.get(key);
      if (!tail) return [];
      if (from < tail.from) return undefined;
      return tail.rows.slice(firstAfter(tail.rows, from, idOf), firstAfter(tail.rows, to, idOf));
    },
    after(from) {
      if (!reaches(from)) return undefined;
      return all.slice(firstAfter(all, from, ({ row }) => row.streamId)).map((entry) => entry.row);
    },
  };
}
