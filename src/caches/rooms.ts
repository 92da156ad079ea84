import { roomVersion } from "../rooms/versions";
import type { RoomVersion } from "../rooms/versions";
import type { Db } from "../storage/db";
import { getRooms, getRoomsByNid } from "../storage/rooms";
import type { RoomRow } from "../storage/rooms";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";

/** What of a room never changes. */
export interface RoomInfo {
  readonly nid: number;
  readonly roomId: string;
  readonly version: RoomVersion;
  readonly creator: string | null;
}

/** Rooms known to this server, by id and by number. Entries are immutable, and go only with their room. */
export interface RoomDirectory {
  readonly stats: readonly CacheStats[];
  byId(roomId: string): Promise<RoomInfo | undefined>;
  byIds(roomIds: readonly string[]): Promise<Map<string, RoomInfo>>;
  byNids(nids: readonly number[]): Promise<Map<number, RoomInfo>>;
  /** What is in memory, without a look into the database. */
  cachedByNid(nid: number): RoomInfo | undefined;
  add(room: RoomInfo): void;
  drop(room: Pick<RoomInfo, "nid" | "roomId">): void;
}

function infoOf(row: RoomRow): RoomInfo[] {
  const version = roomVersion(row.version);
  return version ? [{ nid: row.roomNid, roomId: row.roomId, version, creator: row.creator }] : [];
}

export function createRoomDirectory(db: Db, max: number): RoomDirectory {
  const ids = createCache<string, RoomInfo>({
    name: "rooms_by_id",
    max,
    load: async (keys) => (await getRooms(db, keys)).flatMap(infoOf).map((info) => [info.roomId, info]),
  });
  const nids = createCache<number, RoomInfo>({
    name: "rooms_by_nid",
    max,
    load: async (keys) => (await getRoomsByNid(db, keys)).flatMap(infoOf).map((info) => [info.nid, info]),
  });
  return {
    stats: [ids.stats, nids.stats],
    byId: (roomId) => ids.load(roomId),
    byIds: (roomIds) => ids.loadMany(roomIds),
    byNids: (wanted) => nids.loadMany(wanted),
    cachedByNid: (nid) => nids.get(nid),
    add(room) {
      ids.set(room.roomId, room);
      nids.set(room.nid, room);
    },
    drop(room) {
      ids.delete(room.roomId);
      nids.delete(room.nid);
    },
  };
}
