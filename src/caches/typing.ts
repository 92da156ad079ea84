/** Who types where, as this process knows it. */
export interface TypingView {
  /** The room's typists from position on. */
  set(roomId: string, users: readonly string[], position: number): void;
  /** All that counts from position on; whatever else was known is void. */
  reset(rooms: ReadonlyMap<string, readonly string[]>, position: number): void;
  of(roomId: string): readonly string[];
  /** Those of the rooms whose typists changed after `since`; at since 0 also those where somebody was heard to stop. */
  changedSince(roomIds: ReadonlySet<string>, since: number): string[];
}

interface RoomTyping {
  readonly users: readonly string[];
  readonly position: number;
}

/** maxRooms: beyond it the rooms in which nobody types are forgotten, the longest quiet first. */
export function createTypingView(maxRooms = 10_000): TypingView {
  // In order of their positions.
  const rooms = new Map<string, RoomTyping>();
  let latest = 0;

  function set(roomId: string, users: readonly string[], position: number): void {
    rooms.delete(roomId);
    rooms.set(roomId, { users, position });
    latest = position;
    if (rooms.size <= maxRooms) return;
    for (const [oldest, typing] of rooms) {
      if (typing.users.length > 0) continue;
      rooms.delete(oldest);
      break;
    }
  }

  return {
    set,
    reset(now, position) {
      for (const [roomId, { users }] of [...rooms]) if (users.length > 0 && !now.has(roomId)) set(roomId, [], position);
      for (const [roomId, users] of now) set(roomId, users, position);
      latest = position;
    },
    of: (roomId) => rooms.get(roomId)?.users ?? [],
    changedSince(roomIds, since) {
      if (since >= latest) return [];
      const wanted = ({ position }: RoomTyping): boolean => position > since;
      const out: string[] = [];
      if (rooms.size < roomIds.size) {
        for (const [roomId, typing] of rooms) if (roomIds.has(roomId) && wanted(typing)) out.push(roomId);
        return out;
      }
      for (const roomId of roomIds) {
        const typing = rooms.get(roomId);
        if (typing && wanted(typing)) out.push(roomId);
      }
      return out;
    },
  };
}
