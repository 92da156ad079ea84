/** The newest rows of a stream, by the room or user that they belong to. */
export interface RecentRows<Row extends { readonly streamId: number }> {
  push(key: string, row: Row): void;
  /** The rows of a key with from < position <= to, in order; undefined where memory does not reach back so far. */
  between(key: string, from: number, to: number): readonly Row[] | undefined;
  /** All rows after from, in order; undefined where memory does not reach back so far. */
  after(from: number): readonly Row[] | undefined;
}

/** start: the position of the stream when the process began to follow it. */
export function createRecentRows<Row extends { readonly streamId: number }>(start: () => number, max: number): RecentRows<Row> {
  let horizon: number | undefined;
  let all: { readonly key: string; readonly row: Row }[] = [];
  const byKey = new Map<string, Row[]>();

  /** A quarter goes at once, so that the cost of a row stays constant. */
  function shrink(): void {
    const keep = Math.floor((max * 3) / 4);
    const dropped = all.slice(0, all.length - keep);
    all = all.slice(dropped.length);
    const limit = dropped.at(-1)?.row.streamId ?? 0;
    horizon = Math.max(horizon ?? 0, limit);
    for (const key of new Set(dropped.map((entry) => entry.key))) {
      const rest = byKey.get(key)?.filter((row) => row.streamId > limit) ?? [];
      if (rest.length > 0) byKey.set(key, rest);
      else byKey.delete(key);
    }
  }

  const reaches = (from: number): boolean => from >= (horizon ??= start());
  return {
    push(key, row) {
      horizon ??= start();
      all.push({ key, row });
      const rows = byKey.get(key);
      if (rows) rows.push(row);
      else byKey.set(key, [row]);
      if (all.length > max) shrink();
    },
    between(key, from, to) {
      if (!reaches(from)) return undefined;
      const rows = byKey.get(key);
      const last = rows?.at(-1);
      if (!rows || !last || last.streamId <= from) return [];
      return rows.filter((row) => row.streamId > from && row.streamId <= to);
    },
    after(from) {
      if (!reaches(from)) return undefined;
      let i = all.length;
      while (i > 0 && (all[i - 1]?.row.streamId ?? 0) > from) i--;
      return all.slice(i).map((entry) => entry.row);
    },
  };
}
