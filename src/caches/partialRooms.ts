import type { Db } from "../storage/db";
import { partialRooms } from "../storage/partialRooms";
import type { PartialRoom } from "../storage/partialRooms";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";

/**
 * The rooms whose members are still to come. There are few at any time, so they are read together. Read anew after a local user came into
 * a room, and after a room became whole.
 */
export interface PartialRooms {
  readonly stats: CacheStats;
  /** By room number. Those that became whole are among them until this process has heard of it, with `fullAt`. */
  all(): Promise<ReadonlyMap<number, PartialRoom>>;
  has(roomNid: number): Promise<boolean>;
  /** As has, from memory: undefined where it has to be read. */
  cached(roomNid: number): boolean | undefined;
  forget(): void;
}

const ALL = "all";

/** position: that of the stream un_partial_stated_room here. */
export function createPartialRooms(db: Db, position: () => number): PartialRooms {
  const cache = createCache<typeof ALL, ReadonlyMap<number, PartialRoom>>({
    name: "partial_state_rooms",
    max: 1,
    load: async () => {
      const rooms = await partialRooms(db, position());
      return [[ALL, new Map(rooms.map((room) => [room.roomNid, room]))]];
    },
  });
  const all = async (): Promise<ReadonlyMap<number, PartialRoom>> => (await cache.load(ALL)) ?? new Map<number, PartialRoom>();
  const isPartial = (rooms: ReadonlyMap<number, PartialRoom>, roomNid: number): boolean => rooms.get(roomNid)?.fullAt === null;
  return {
    stats: cache.stats,
    all,
    has: async (roomNid) => isPartial(await all(), roomNid),
    cached(roomNid) {
      const rooms = cache.get(ALL);
      return rooms && isPartial(rooms, roomNid);
    },
    forget: () => cache.delete(ALL),
  };
}
