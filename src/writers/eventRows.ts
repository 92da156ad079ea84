import { StoredEvent } from "../caches/events";
import { tellStored } from "../caches/toldEvent";
import { encodeSummary } from "../caches/unreadTails";
import type { PushSummary } from "../caches/unreadTails";
import { own } from "../lib/json";
import type { EventRow, EventStreamRow } from "../storage/events";
import type { NewEventRow } from "../storage/persistEvents";
import type { StreamRow } from "../storage/streamIds";
import type { BuiltOnTip } from "./buildOnTip";
import { membershipOf, relationOf, rowFacts, textOf } from "./eventFacts";
import type { PendingEvent, Placed } from "./pendingEvent";

function eventRow(pending: PendingEvent, streamOrdering: number): NewEventRow {
  const { built, intent } = pending;
  const { event } = built;
  return {
    nid: built.nid,
    streamOrdering,
    roomNid: built.tip.room.nid,
    ...rowFacts(event),
    receivedTs: pending.receivedTs,
    json: built.json,
    stateGroup: built.after?.id ?? null,
    replacesNid: built.replaces?.row.nid ?? null,
    rejected: built.verdict.rejected,
    softFailed: built.verdict.softFailed,
    txnDevice: intent.txnId === null ? null : (intent.deviceId ?? ""),
    txnId: intent.txnId,
    containsUrl: typeof own(event.content, "url") === "string",
    relation: pending.redactedBy === undefined ? relationOf(event) : undefined,
  };
}

/** Events with the places that they get. */
export const placeAt = (batch: readonly PendingEvent[], ids: readonly number[]): Placed[] =>
  batch.map((pending, i) => ({ pending, row: eventRow(pending, ids[i] ?? 0) }));

/** Whether the event itself holds in the room now, or in the view of its target. */
export const concerns = (built: BuiltOnTip): boolean =>
  built.moves.some(({ nid }) => nid === built.nid) || (built.after === undefined && built.verdict.rejected === null);

/** What the events stream says of a stored event. summary: what push rules made of it, where that is known. */
export function streamRow(
  { row: stored }: StoredEvent,
  { pending, row }: Placed,
  summary: PushSummary | undefined,
): StreamRow<EventStreamRow> {
  const { built } = pending;
  const own = built.moves.find(({ nid }) => nid === built.nid);
  const isMember = row.type === "m.room.member" && row.stateKey !== null && concerns(built);
  return {
    id: row.streamOrdering ?? 0,
    row: {
      nid: row.nid,
      roomNid: row.roomNid,
      roomId: built.tip.room.roomId,
      eventId: row.eventId,
      type: row.type,
      stateKey: row.stateKey,
      sender: row.sender,
      redacts: row.redacts,
      keyNid: own?.keyNid ?? null,
      prevNid: own?.prev?.row.nid ?? null,
      membership: isMember ? (membershipOf(built.event) ?? null) : null,
      prevMembership: isMember ? (membershipOf((own?.prev ?? built.replaces)?.event) ?? null) : null,
      displayName: isMember ? textOf(built.event.content, "displayname") : null,
      resets: built.moves.length > (own ? 1 : 0),
      relatesTo: row.relation?.relatesTo ?? null,
      relType: row.relation?.relType ?? null,
      push: summary ? encodeSummary(summary) : null,
      stored: tellStored(stored),
    },
  };
}

/** A new row as a read of it would give it. Field by field, as it stays in memory: a rest of a pattern is a slow object of twice the size. */
export function storedRow(row: NewEventRow, redactedBy: string | null): EventRow {
  return {
    nid: row.nid,
    streamOrdering: row.streamOrdering,
    roomNid: row.roomNid,
    eventId: row.eventId,
    type: row.type,
    stateKey: row.stateKey,
    sender: row.sender,
    depth: row.depth,
    originServerTs: row.originServerTs,
    receivedTs: row.receivedTs,
    json: row.json,
    stateGroup: row.stateGroup,
    replacesNid: row.replacesNid,
    redacts: row.redacts,
    redactedBy,
    rejected: row.rejected,
    softFailed: row.softFailed,
    txnDevice: row.txnDevice,
    txnId: row.txnId,
  };
}

/** An event that is built and not stored yet, for rules that look at it. */
export function unstored(built: BuiltOnTip): StoredEvent {
  const row = eventRow({ built, intent: { deviceId: null, txnId: null }, receivedTs: 0, newRoom: undefined, redacts: undefined }, 0);
  return new StoredEvent(storedRow(row, null), built.tip.room, built.event);
}
