/** From a position of the events stream on, the class is this; null: no class of its own any more. */
interface Move {
  readonly since: number;
  readonly classId: number | null;
}

/** Which class of rules a user belonged to, where and when. */
export interface ClassHistory {
  /** The class that an event at the position was evaluated with. */
  at(roomId: string, position: number): number;
  /** The class in a room over time: after < position <= upTo of each, one after another within the bounds given. */
  intervals(roomId: string, from: number, upTo: number): { classId: number; after: number; upTo: number }[];
}

const none: readonly Move[] = [];

function after(moves: readonly Move[], position: number): number | null {
  let i = moves.length;
  while (i > 0 && (moves[i - 1]?.since ?? 0) > position) i--;
  return moves[i - 1]?.classId ?? null;
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
    at: (roomId, position) => after(byRoom.get(roomId) ?? none, position - 1) ?? after(everywhere, position - 1) ?? 0,
    intervals(roomId, from, upTo) {
      const here = byRoom.get(roomId) ?? none;
      if (from >= upTo) return [];
      const inside = [...here, ...everywhere].map(({ since }) => since).filter((since) => since > from && since < upTo);
      const borders = [from, ...new Set(inside.sort((a, b) => a - b)), upTo];
      return borders.slice(0, -1).map((start, i) => ({
        classId: after(here, start) ?? after(everywhere, start) ?? 0,
        after: start,
        upTo: borders[i + 1] ?? upTo,
      }));
    },
  };
}
