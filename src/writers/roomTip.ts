import type { Caches } from "../caches/caches";
import type { StoredEvent } from "../caches/events";
import type { RoomInfo } from "../caches/rooms";
import type { StateGroup } from "../caches/stateGroups";
import { emptyPackedMap } from "../lib/packedMap";
import type { EventRef } from "../rooms/event";
import { referenceHash } from "../rooms/hashes";
import type { Db } from "../storage/db";
import { getTips } from "../storage/rooms";

/** A forward extremity, ready to be referred to. */
export interface Extremity extends EventRef {
  readonly nid: number;
}

/** Where a room stands in the memory of its owner: what the next event builds on. Immutable. */
export interface RoomTip {
  readonly room: RoomInfo;
  /** Counts the events built; the database compares it. 0 before the first event. */
  readonly version: number;
  readonly extremities: readonly Extremity[];
  readonly depth: number;
  readonly group: StateGroup;
}

/** New events refer to at most this many extremities. */
export const MAX_PREV_EVENTS = 10;

export function newTip(room: RoomInfo): RoomTip {
  return { room, version: 0, extremities: [], depth: 0, group: { id: 0, state: emptyPackedMap, chain: [], snapshotId: 0 } };
}

/** A reference to a stored event. Versions 1 and 2 carry the hash beside the id. */
export function refOf(event: StoredEvent): EventRef {
  const { version } = event.room;
  const { eventId } = event.row;
  return version.eventRefs === "pairs" ? { eventId, sha256: referenceHash(version, event.event.pdu) } : { eventId };
}

/** Reads a tip from the database; undefined where the room has no events here. */
export async function loadTip(db: Db, caches: Caches, room: RoomInfo): Promise<RoomTip | undefined> {
  const [row] = await getTips(db, [room.nid]);
  if (!row) return undefined;
  const [group, events] = await Promise.all([caches.stateGroups.load(row.stateGroup), caches.events.byNids(row.extremities)]);
  if (!group) throw new Error(`state group ${row.stateGroup} of a room tip is missing`);
  const extremities = row.extremities.flatMap((nid) => {
    const event = events.get(nid);
    return event ? [{ nid, ...refOf(event) }] : [];
  });
  return { room, version: row.tipVersion, extremities, depth: row.depth, group };
}
