import type { RoomInfo } from "../../caches/rooms";
import type { KeyedQueue } from "../../lib/keyedQueue";
import type { RoomEvent } from "../../rooms/event";
import { roomVersion } from "../../rooms/versions";
import type { Db } from "../../storage/db";
import { insertEvents } from "../../storage/persistEvents";
import type { NewEventRow } from "../../storage/persistEvents";
import { insertRooms } from "../../storage/rooms";
import type { IdBlock } from "../idBlocks";
import { eventOf } from "../checkedPdu";
import type { CheckedPdu } from "../checkedPdu";
import { rowFacts } from "../eventFacts";
import type { RemoteCaches } from "./ahead";
import { judgeOutliers, restsOn } from "./judgeOutliers";

export interface OutlierDeps {
  readonly db: Db;
  readonly caches: RemoteCaches;
  readonly eventNids: IdBlock;
  readonly roomNids: IdBlock;
  readonly outliers: KeyedQueue;
  readonly now: () => number;
}

/** The room, made known where it was not. Undefined for a version that we do not have. */
export async function ensureRoom(deps: OutlierDeps, roomId: string, versionId: string): Promise<RoomInfo | undefined> {
  const known = await deps.caches.rooms.byId(roomId);
  const version = roomVersion(versionId);
  if (known || !version) return known;
  const [nid = 0] = await deps.roomNids.take(1);
  await insertRooms(deps.db, [{ roomNid: nid, roomId, version: versionId, creator: null, isPublic: false, createdTs: deps.now() }]);
  return deps.caches.rooms.byId(roomId);
}

/** A row for an event without a place in the room's history. */
export function outlierRow(nid: number, room: RoomInfo, event: RoomEvent, json: string, now: number): NewEventRow {
  return {
    nid,
    streamOrdering: null,
    roomNid: room.nid,
    ...rowFacts(event),
    receivedTs: now,
    json,
    stateGroup: null,
    replacesNid: null,
    rejected: null,
    softFailed: false,
    txnDevice: null,
    txnId: null,
    containsUrl: false,
    relation: undefined,
  };
}

/**
 * Stores the events as outliers where they were not stored at all: judged at the events that they cite, and marked where they may not stand.
 * What cannot be judged is left out.
 */
export function ensureOutliers(deps: OutlierDeps, room: RoomInfo, events: readonly CheckedPdu[]): Promise<void> {
  // One after another in each room, as several requests may bring the same events.
  return deps.outliers.run(room.roomId, () => storeJudged(deps, room, events));
}

async function storeJudged(deps: OutlierDeps, room: RoomInfo, events: readonly CheckedPdu[]): Promise<void> {
  const { byIds, nidsOf } = deps.caches.events;
  const known = await nidsOf([...new Set(events.map(({ eventId }) => eventId))]);
  const unknown = new Map(events.flatMap((pdu) => (known.has(pdu.eventId) ? [] : [[pdu.eventId, pdu] as const])));
  if (unknown.size === 0) return;
  const fresh = new Map([...unknown].map(([eventId, pdu]) => [eventId, eventOf(room, pdu)]));
  const cited = await byIds([...new Set([...fresh.values()].flatMap((event) => restsOn(room, event)))].filter((id) => !fresh.has(id)));
  const judged = judgeOutliers(room, fresh, (id) => {
    const stored = cited.get(id);
    return stored && { event: stored.event, rejected: stored.row.rejected !== null };
  });
  const nids = await deps.eventNids.take(judged.length);
  const rows = judged.map(({ event, rejected }, i) => ({
    ...outlierRow(nids[i] ?? 0, room, event, unknown.get(event.eventId)?.json ?? "", deps.now()),
    rejected,
  }));
  if (rows.length > 0) await insertEvents(deps.db, rows);
}
