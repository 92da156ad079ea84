import type { Db } from "../storage/db";
import type { EventStreamRow } from "../storage/events";
import { roomGlances } from "../storage/roomGlances";
import type { RoomGlanceRow } from "../storage/roomGlances";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";

/** What lists of rooms show and sort by, for rooms in which this server is or was. */
export interface RoomGlances {
  readonly stats: CacheStats;
  of(roomNids: readonly number[]): Promise<Map<number, RoomGlanceRow>>;
  /** To be told of every event in stream order. */
  apply(position: number, row: EventStreamRow): void;
  drop(roomNid: number): void;
}

const bumpTypes: ReadonlySet<string> = new Set([
  "m.room.create",
  "m.room.message",
  "m.room.encrypted",
  "m.sticker",
  "m.call.invite",
  "m.poll.start",
  "m.beacon_info",
]);
const shownTypes: ReadonlySet<string> = new Set(["m.room.create", "m.room.name", "m.room.avatar", "m.room.encryption"]);

/** The entry of a room is read again: counts and names are derived where the event is written. */
function changesWhatIsShown(row: EventStreamRow): boolean {
  if (row.resets || (row.keyNid !== null && shownTypes.has(row.type))) return true;
  return row.type === "m.room.member" && row.membership !== row.prevMembership;
}

/** Stands for rooms of which there is nothing to read, so that they are not asked for again and again. */
const nothing: Omit<RoomGlanceRow, "roomNid"> = {
  name: null,
  avatarUrl: null,
  encryption: null,
  roomType: null,
  joinedMembers: 0,
  invitedMembers: 0,
  latest: 0,
  bump: null,
};

export function createRoomGlances(db: Db, max: number): RoomGlances {
  const glances = createCache<number, RoomGlanceRow>({
    name: "room_glances",
    max,
    load: async (nids) => {
      const found = new Map((await roomGlances(db, nids)).map((row) => [row.roomNid, row]));
      return nids.map((roomNid) => [roomNid, found.get(roomNid) ?? { ...nothing, roomNid }] as const);
    },
  });
  return {
    stats: glances.stats,
    async of(nids) {
      const found = await glances.loadMany(nids);
      for (const [nid, { latest }] of found) if (latest === 0) found.delete(nid);
      return found;
    },
    apply(position, row) {
      const known = changesWhatIsShown(row) ? undefined : glances.get(row.roomNid);
      if (!known || known.latest === 0) return glances.delete(row.roomNid);
      const bump = bumpTypes.has(row.type) ? position : known.bump;
      glances.set(row.roomNid, { ...known, latest: Math.max(known.latest, position), bump });
    },
    drop: (roomNid) => glances.delete(roomNid),
  };
}
