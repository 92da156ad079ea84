import { createLru } from "../../lib/lru";

/**
 * Which member events a sync loop has been sent because somebody needed them, so that they are not repeated. Only in memory, and only
 * what a client surely has: what an answer brought counts once the client comes back with the answer's position. To forget is harmless.
 */
export interface ShownMembers {
  /** The client came with `pos`: what it says has arrived. */
  arrived(connectionId: number, pos: string): void;
  knows(connectionId: number, roomNid: number, userId: string): boolean;
  /** An answer is on its way: rooms that start anew, and the members in it. */
  sent(connectionId: number, pos: string, members: ReadonlyMap<number, SentMembers>): void;
}

export interface SentMembers {
  /** The room was sent whole: the client keeps nothing of what it had. */
  readonly anew: boolean;
  readonly userIds: readonly string[];
}

interface Connection {
  readonly rooms: Map<number, Set<string>>;
  /** Answers of which it is not known whether they arrived. */
  readonly pending: Map<string, ReadonlyMap<number, SentMembers>>;
}

const MAX_PENDING = 3;
const MAX_ROOMS = 1_000;
const MAX_MEMBERS = 300;

export function createShownMembers(maxConnections: number): ShownMembers {
  const connections = createLru<number, Connection>(maxConnections);

  function settle({ rooms }: Connection, answer: ReadonlyMap<number, SentMembers>): void {
    for (const [roomNid, { anew, userIds }] of answer) {
      const known = (anew ? undefined : rooms.get(roomNid)) ?? new Set<string>();
      for (const userId of userIds) known.add(userId);
      keepNewest(known, MAX_MEMBERS);
      rooms.delete(roomNid);
      rooms.set(roomNid, known);
    }
    keepNewest(rooms, MAX_ROOMS);
  }

  return {
    arrived(connectionId, pos) {
      const connection = connections.get(connectionId);
      const answer = connection?.pending.get(pos);
      if (!connection) return;
      connection.pending.clear();
      if (answer) settle(connection, answer);
    },
    knows: (connectionId, roomNid, userId) => connections.get(connectionId)?.rooms.get(roomNid)?.has(userId) === true,
    sent(connectionId, pos, members) {
      if (members.size === 0) return;
      const connection = connections.get(connectionId) ?? { rooms: new Map(), pending: new Map() };
      connections.set(connectionId, connection);
      connection.pending.set(pos, members);
      keepNewest(connection.pending, MAX_PENDING);
    },
  };
}

function keepNewest<K>(kept: { readonly size: number; keys(): IterableIterator<K>; delete(key: K): boolean }, max: number): void {
  for (const oldest of kept.keys()) {
    if (kept.size <= max) return;
    kept.delete(oldest);
  }
}
