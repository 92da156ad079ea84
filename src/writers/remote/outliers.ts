import type { Caches } from "../../caches/caches";
import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { parseLosslessJson } from "../../lib/jsonLossless";
import type { Pdu, RoomEvent } from "../../rooms/event";
import { parseEvent } from "../../rooms/parseEvent";
import { roomVersion } from "../../rooms/versions";
import type { Db } from "../../storage/db";
import { insertEvents } from "../../storage/persistEvents";
import type { NewEventRow } from "../../storage/persistEvents";
import { insertRooms } from "../../storage/rooms";
import type { IdBlock } from "../idBlocks";
import type { CheckedPdu } from "../remoteRpc";

export interface OutlierDeps {
  readonly db: Db;
  readonly caches: Caches;
  readonly eventNids: IdBlock;
  readonly roomNids: IdBlock;
  readonly now: () => number;
}

export function eventOf(room: RoomInfo, { json, eventId }: CheckedPdu): RoomEvent {
  return parseEvent(room.version, parseLosslessJson(json) as Pdu, eventId);
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
    eventId: event.eventId,
    type: event.type,
    stateKey: event.stateKey ?? null,
    sender: event.sender,
    depth: event.depth,
    originServerTs: event.originServerTs,
    receivedTs: now,
    json,
    stateGroup: null,
    replacesNid: null,
    redacts: event.redacts ?? null,
    rejected: null,
    softFailed: false,
    txnDevice: null,
    txnId: null,
    containsUrl: false,
    relation: undefined,
  };
}

/** The events, stored as outliers where they were not stored at all. By event id. */
export async function ensureOutliers(deps: OutlierDeps, room: RoomInfo, events: readonly CheckedPdu[]): Promise<Map<string, StoredEvent>> {
  const ids = [...new Set(events.map(({ eventId }) => eventId))];
  const known = await deps.caches.events.byIds(ids);
  const fresh = [...new Map(events.map((event) => [event.eventId, event])).values()].filter(({ eventId }) => !known.has(eventId));
  if (fresh.length === 0) return known;
  const nids = await deps.eventNids.take(fresh.length);
  await insertEvents(
    deps.db,
    fresh.map((pdu, i) => outlierRow(nids[i] ?? 0, room, eventOf(room, pdu), pdu.json, deps.now())),
  );
  return deps.caches.events.byIds(ids);
}
