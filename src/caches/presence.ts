import type { PresenceRow } from "../storage/presence";
import { createRecentRows } from "./recentRows";

/** Presence as this process knows it. Who is not here is offline. */
export interface PresenceView {
  set(row: PresenceRow, position: number): void;
  /** All who are present from position on; everybody else is offline. */
  reset(rows: readonly PresenceRow[], position: number): void;
  get(userId: string): PresenceRow | undefined;
  /** Whoever changed after `since`; undefined where memory does not reach back so far. */
  changedSince(since: number): ReadonlySet<string> | undefined;
  /** Everybody who is not offline. */
  present(): IterableIterator<PresenceRow>;
  readonly size: number;
}

/** start: the position of the stream when the process began to follow it. */
export function createPresenceView(start: () => number, maxChanges: number): PresenceView {
  const states = new Map<string, PresenceRow>();
  /** Last words of those who went offline, as long as somebody may not have heard them. */
  const gone = new Map<string, PresenceRow>();
  const changes = createRecentRows<{ readonly streamId: number; readonly userId: string }>(start, maxChanges);

  function set(row: PresenceRow, position: number): void {
    const { userId } = row;
    states.delete(userId);
    gone.delete(userId);
    if (row.state !== "offline") states.set(userId, row);
    else gone.set(userId, row);
    if (gone.size > maxChanges)
      for (const oldest of gone.keys()) {
        gone.delete(oldest);
        break;
      }
    changes.push(userId, { streamId: position, userId });
  }

  return {
    get size() {
      return states.size;
    },
    set,
    reset(rows, position) {
      const now = new Set(rows.map((row) => row.userId));
      for (const row of [...states.values()]) if (!now.has(row.userId)) set({ ...row, state: "offline", currentlyActive: false }, position);
      for (const row of rows) set(row, position);
    },
    get: (userId) => states.get(userId) ?? gone.get(userId),
    changedSince(since) {
      const rows = changes.after(since);
      return rows && new Set(rows.map((row) => row.userId));
    },
    present: () => states.values(),
  };
}
