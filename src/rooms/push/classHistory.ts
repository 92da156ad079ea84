/** From a position of the events stream on, the class is this; null: no class of its own any more. */
interface Move {
  readonly since: number;
  readonly classId: number | null;
}

/** Which class of rules a user belonged to, where and when. */
export interface ClassHistory {
  /** The class in a room now. */
  current(roomId: string): number;
  /** The class in a room over time: after < position <= upTo of each, one after another within the bounds given. */
  intervals(roomId: string, after: number, upTo: number): { classId: number; after: number; upTo: number }[];
}

const none: readonly Move[] = [];

function at(moves: readonly Move[], position: number): number | null {
  let classId: number | null = null;
  for (const move of moves) if (move.since <= position) classId = move.classId;
  return classId;
}

/** rows: of one user, oldest first; roomId "" for all rooms that have no rows. */
export function classHistory(rows: readonly (Move & { readonly roomId: string })[]): ClassHistory {
  const byRoom = new Map<string, Move[]>();
  for (const row of rows) {
    const moves = byRoom.get(row.roomId);
    if (moves) moves.push(row);
    else byRoom.set(row.roomId, [row]);
  }
  const everywhere = byRoom.get("") ?? none;
  return {
    current(roomId) {
      return byRoom.get(roomId)?.at(-1)?.classId ?? everywhere.at(-1)?.classId ?? 0;
    },
    intervals(roomId, after, upTo) {
      const here = byRoom.get(roomId) ?? none;
      if (after >= upTo) return [];
      const inside = [...here, ...everywhere].map(({ since }) => since).filter((since) => since > after && since < upTo);
      const borders = [after, ...new Set(inside.sort((a, b) => a - b)), upTo];
      return borders.slice(0, -1).map((start, i) => ({
        classId: at(here, start) ?? at(everywhere, start) ?? 0,
        after: start,
        upTo: borders[i + 1] ?? upTo,
      }));
    },
  };
}
