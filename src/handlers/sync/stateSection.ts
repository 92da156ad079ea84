import { packedMapOf, packedMerge, packedSplit, packedWithout } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { FIRST_MEMBER_KEY, stateDeltasBetween } from "../../storage/state";
import type { App } from "../app";
import { groupBy } from "../../lib/groupBy";

/** A move of one key of a room's current state. */
export interface StateMove {
  readonly streamOrdering: number;
  readonly keyNid: number;
  readonly prevNid: number | undefined;
  readonly nid: number | undefined;
}

/** A stretch of a room's history: after < position <= upTo. */
export interface Stretch {
  readonly roomNid: number;
  readonly after: number;
  readonly upTo: number;
}

/** How the state moved in stretches of history, oldest first; out of memory where that reaches back, else in one query. */
export async function movesIn(app: Pick<App, "caches" | "db">, stretches: readonly Stretch[]): Promise<Map<Stretch, readonly StateMove[]>> {
  const out = new Map<Stretch, readonly StateMove[]>();
  const ask: Stretch[] = [];
  for (const stretch of stretches) {
    if (stretch.after >= stretch.upTo) {
      out.set(stretch, []);
      continue;
    }
    const tail = app.caches.tails.between(stretch.roomNid, stretch.after, stretch.upTo);
    if (!tail) ask.push(stretch);
    else
      out.set(
        stretch,
        tail.flatMap(({ streamOrdering, keyNid, prevNid, nid }) =>
          keyNid === undefined ? [] : [{ streamOrdering, keyNid, prevNid, nid }],
        ),
      );
  }
  if (ask.length === 0) return out;
  const upTo = Math.max(...ask.map((stretch) => stretch.upTo));
  const rows = await stateDeltasBetween(
    app.db,
    ask.map(({ roomNid }) => roomNid),
    ask.map(({ after }) => after),
    upTo,
  );
  const byRoom = groupBy(rows, (row) => row.roomNid);
  for (const stretch of ask) {
    const found = (byRoom.get(stretch.roomNid) ?? []).filter(
      (row) => row.streamOrdering > stretch.after && row.streamOrdering <= stretch.upTo,
    );
    out.set(
      stretch,
      found.map((row) => ({ ...row, prevNid: row.prevNid ?? undefined, nid: row.nid ?? undefined })),
    );
  }
  return out;
}

/** A state with later moves taken back. */
export function undo(state: PackedMap, moves: readonly StateMove[]): PackedMap {
  // The oldest move of a key knows what was there before all of them.
  const before = new Map<number, number | undefined>();
  for (const move of moves) if (!before.has(move.keyNid)) before.set(move.keyNid, move.prevNid);
  const restored = [...before].filter((entry): entry is [number, number] => entry[1] !== undefined);
  let out = packedMerge(
    state,
    packedMapOf(
      restored.map(([key]) => key),
      restored.map(([, nid]) => nid),
    ),
  );
  for (const [key, nid] of before) if (nid === undefined) out = packedWithout(out, key);
  return out;
}

/** What a stretch changed: the last value of each key. Keys that left the state are left out, as clients cannot be told. */
export function changesOf(moves: readonly StateMove[]): PackedMap {
  const last = new Map<number, number>();
  for (const { keyNid, nid } of moves) {
    if (nid === undefined) last.delete(keyNid);
    else last.set(keyNid, nid);
  }
  return packedMapOf([...last.keys()], [...last.values()]);
}

/** A state without its member events: they are the tail of the sorted keys. */
export const withoutMembers = (state: PackedMap): PackedMap => packedSplit(state, FIRST_MEMBER_KEY).below;
export const membersOnly = (state: PackedMap): PackedMap => packedSplit(state, FIRST_MEMBER_KEY).rest;
