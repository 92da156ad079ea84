import type { Db } from "../../storage/db";
import { saveProgress } from "../../storage/pushers";

export type ProgressRow = Parameters<typeof saveProgress>[1][number];

/** Stores how far pushers got: what comes while one statement runs goes into the next one together. */
export interface Progress {
  save(row: ProgressRow): Promise<void>;
}

export function createProgress(db: Db): Progress {
  let next: { readonly rows: Map<string, ProgressRow>; readonly done: Promise<void> } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    save(row) {
      if (!next) {
        const rows = new Map<string, ProgressRow>();
        const done = last.then(() => {
          next = undefined;
          return saveProgress(db, [...rows.values()]);
        });
        next = { rows, done };
        last = done.catch(() => undefined);
      }
      next.rows.set(JSON.stringify([row.userId, row.appId, row.pushkey]), row);
      return next.done;
    },
  };
}
