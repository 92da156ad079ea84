import { StoredEvent } from "../caches/events";
import { hostOf } from "../caches/memberships";
import type { Config } from "../config/config";
import { isJsonObject, own } from "../lib/json";
import type { JsonObject } from "../lib/json";
import type { RoomEvent } from "../rooms/event";
import { appendCacheChanges } from "../storage/cacheChanges";
import type { CacheChange } from "../storage/cacheChanges";
import type { Database, Db } from "../storage/db";
import { markRedacted } from "../storage/events";
import type { EventRow, EventStreamRow } from "../storage/events";
import { isOutside, upsertMembers } from "../storage/memberships";
import type { MemberRow, Membership } from "../storage/memberships";
import { changeRoomStats, insertEvents, insertRelations, recountMembers } from "../storage/persistEvents";
import type { NewEventRow, RoomStatsChange } from "../storage/persistEvents";
import { insertRooms, insertTips, moveTips } from "../storage/rooms";
import { insertStateDeltas, insertStateGroups } from "../storage/state";
import { nextIds } from "../storage/streamIds";
import { cachesStream } from "../streams/caches";
import { eventsStream } from "../streams/events";
import type { StreamRow } from "../storage/streamIds";
import { brought } from "./buildOnTip";
import type { BuiltOnTip } from "./buildOnTip";
import { noteExpiries } from "./expiry";
import { cancelOvertakenBy } from "./overtaken";
import type { SendIntent } from "./intents";
import { tipRows } from "./tipRows";

/** An event that is built and waits to be stored. */
export interface PendingEvent {
  readonly built: BuiltOnTip;
  readonly intent: Pick<SendIntent, "deviceId" | "txnId">;
  readonly receivedTs: number;
  /** Set for the first event of a new room. */
  readonly newRoom: { readonly creator: string; readonly isPublic: boolean } | undefined;
  /** The event that a redaction takes effect on, if it may. */
  readonly redacts: string | undefined;
  /** The redaction of the event that came before it. */
  readonly redactedBy?: string | undefined;
  /** What is remembered wrongly from then on, and no row of the events stream tells of. */
  readonly forget?: readonly CacheChange[];
}

/** What push rules made of a batch; stored in the same transaction. */
export interface PushPersister {
  evaluate(events: readonly PendingEvent[]): Promise<PushRows>;
}
export interface PushRows {
  /** positions: event number -> position in the events stream. */
  insert(tx: Db, positions: ReadonlyMap<number, number>): Promise<unknown>;
}

/** Another process wrote to a room of this batch: its tip is not what we took it for. */
export class TipConflict extends Error {}

/**
 * The relation of an event that counts for aggregations and threads (client-server API, "Forming relationships between events", and
 * "Validity of replacement events": what is encrypted may have new content).
 */
export function relationOf({ type, content }: Pick<RoomEvent, "type" | "content">): NewEventRow["relation"] {
  const relates = own(content, "m.relates_to");
  if (!isJsonObject(relates)) return undefined;
  const [relatesTo, relType, key] = [textOf(relates, "event_id"), textOf(relates, "rel_type"), textOf(relates, "key")];
  if (relatesTo === null || relType === null) return undefined;
  const isValid = relType !== "m.replace" || type === "m.room.encrypted" || isJsonObject(own(content, "m.new_content"));
  return { relatesTo, relType, key, isValid };
}

const memberships: ReadonlySet<unknown> = new Set(["join", "invite", "leave", "ban", "knock"] satisfies Membership[]);

export const isMembership = (value: unknown): value is Membership => memberships.has(value);

export function membershipOf(event: RoomEvent | undefined): Membership | undefined {
  const membership = event && own(event.content, "membership");
  return isMembership(membership) ? membership : undefined;
}

const textOf = (content: JsonObject, key: string): string | null => {
  const value = own(content, key);
  return typeof value === "string" && !value.includes("\u0000") ? value : null;
};

function eventRow(pending: PendingEvent, streamOrdering: number): NewEventRow {
  const { built, intent } = pending;
  const { event } = built;
  return {
    nid: built.nid,
    streamOrdering,
    roomNid: built.tip.room.nid,
    eventId: event.eventId,
    type: event.type,
    stateKey: event.stateKey ?? null,
    sender: event.sender,
    depth: event.depth,
    originServerTs: event.originServerTs,
    receivedTs: pending.receivedTs,
    json: built.json,
    stateGroup: built.after?.id ?? null,
    replacesNid: built.replaces?.row.nid ?? null,
    redacts: event.redacts ?? null,
    rejected: built.verdict.rejected,
    softFailed: built.verdict.softFailed,
    txnDevice: intent.txnId === null ? null : (intent.deviceId ?? ""),
    txnId: intent.txnId,
    containsUrl: typeof own(event.content, "url") === "string",
    relation: pending.redactedBy === undefined ? relationOf(event) : undefined,
  };
}

/** An event with its place in the stream. */
export interface Placed {
  readonly pending: PendingEvent;
  readonly row: NewEventRow;
}

/** What decides on what is stored of members: `forget_rooms_on_leave` is part of it. */
export interface MemberRules {
  readonly serverName: string;
  readonly config: Pick<Config, "forget_rooms_on_leave">;
}

/** What a member event says, wherever it stands. */
type MemberFacts = Omit<MemberRow, "roomNid" | "eventNid" | "streamOrdering">;

/** What a member event says of its target; undefined for other events, and memberships that there are not. */
export function memberFacts(event: RoomEvent, { serverName, config }: MemberRules): MemberFacts | undefined {
  const membership = event.type === "m.room.member" ? membershipOf(event) : undefined;
  if (membership === undefined || event.stateKey === undefined) return undefined;
  return {
    userId: event.stateKey,
    membership,
    sender: event.sender,
    isLocal: hostOf(event.stateKey) === serverName,
    forgotten: config.forget_rooms_on_leave && isOutside(membership),
    displayName: textOf(event.content, "displayname"),
    avatarUrl: textOf(event.content, "avatar_url"),
  };
}

/** The newest membership of each (room, user) in the batch: an upsert may touch a row only once. */
function memberRows(placed: readonly Placed[], others: ReadonlyMap<number, MemberFacts>, rules: MemberRules): MemberRow[] {
  const rows = new Map<string, MemberRow>();
  const add = (facts: MemberFacts | undefined, eventNid: number, { roomNid, streamOrdering }: NewEventRow): void => {
    if (facts) rows.set(`${roomNid} ${facts.userId}`, { ...facts, roomNid, eventNid, streamOrdering: streamOrdering ?? 0 });
  };
  for (const { pending, row } of placed) {
    const { built } = pending;
    for (const nid of brought(built)) add(others.get(nid), nid, row);
    if (concerns(built)) add(memberFacts(built.event, rules), row.nid, row);
  }
  return [...rows.values()];
}

/** Member events that come into the state of their rooms besides those of the batch: read a few at a time, as they may be all of a room's. */
async function broughtMembers(deps: FlushDeps, batch: readonly PendingEvent[]): Promise<Map<number, MemberFacts>> {
  const found = new Map<number, MemberFacts>();
  const nids = batch.flatMap(({ built }) => brought(built));
  for (let i = 0; i < nids.length; i += READ_AT_ONCE) {
    for (const [nid, { event }] of await deps.stored(nids.slice(i, i + READ_AT_ONCE))) {
      const facts = memberFacts(event, deps);
      if (facts) found.set(nid, facts);
    }
  }
  return found;
}

const READ_AT_ONCE = 500;

/** Whether the event itself holds in the room now, or in the view of its target. */
const concerns = (built: BuiltOnTip): boolean =>
  built.moves.some(({ nid }) => nid === built.nid) || (built.after === undefined && built.verdict.rejected === null);

/** What the events stream says of a stored event. */
function streamRow({ pending, row }: Placed): StreamRow<EventStreamRow> {
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
    },
  };
}

/** All that is written for a batch besides the ids; started together so that it travels in one go. */
function statements(
  tx: Db,
  placed: readonly Placed[],
  stats: readonly RoomStatsChange[],
  members: readonly MemberRow[],
): Promise<unknown>[] {
  const rows = placed.map(({ row }) => row);
  const tips = tipRows(placed);
  const fresh = tips.filter(({ expected }) => expected === 0);
  const moved = tips.filter(({ expected }) => expected > 0);
  const newRooms = placed.flatMap(({ pending: { built, newRoom, receivedTs } }) =>
    newRoom
      ? [
          {
            roomNid: built.tip.room.nid,
            roomId: built.tip.room.roomId,
            version: built.tip.room.version.id,
            createdTs: receivedTs,
            ...newRoom,
          },
        ]
      : [],
  );
  const groups = placed.flatMap(({ pending }) => pending.built.groups);
  const deltas = placed.flatMap(({ pending: { built }, row }) =>
    built.moves.map(({ keyNid, prev, nid }) => ({
      roomNid: row.roomNid,
      streamOrdering: row.streamOrdering ?? 0,
      keyNid,
      prevNid: prev?.row.nid ?? null,
      nid: nid ?? null,
    })),
  );
  const reset = placed.flatMap(({ pending: { built }, row }) => (brought(built).length > 0 ? [row.roomNid] : []));
  const redactions = placed.flatMap(({ pending: { redacts, redactedBy }, row: { eventId, roomNid, receivedTs } }) => [
    ...(redacts === undefined ? [] : [{ eventId: redacts, roomNid, redactedBy: eventId, redactedTs: receivedTs }]),
    ...(redactedBy === undefined ? [] : [{ eventId, roomNid, redactedBy, redactedTs: receivedTs }]),
  ]);
  const moves = async (): Promise<void> => {
    if ((await moveTips(tx, moved)) !== moved.length) throw new TipConflict("a room of the batch has another tip");
  };
  return [
    ...(moved.length > 0 ? [moves()] : []),
    ...(newRooms.length > 0 ? [insertRooms(tx, newRooms)] : []),
    ...(fresh.length > 0 ? [insertTips(tx, fresh)] : []),
    insertEvents(tx, rows),
    ...(groups.length > 0 ? [insertStateGroups(tx, groups)] : []),
    ...(deltas.length > 0 ? [insertStateDeltas(tx, deltas)] : []),
    ...(members.length > 0 ? [upsertMembers(tx, members)] : []),
    ...(stats.length > 0 ? [changeRoomStats(tx, stats)] : []),
    ...(reset.length > 0 ? [recountMembers(tx, reset)] : []),
    ...(rows.some((row) => row.relation) ? [insertRelations(tx, rows)] : []),
    ...(redactions.length > 0 ? [markRedacted(tx, redactions)] : []),
  ];
}

export interface FlushDeps {
  readonly db: Database;
  readonly serverName: string;
  readonly config: Pick<Config, "enable_ephemeral_messages" | "max_event_delay_duration" | "forget_rooms_on_leave">;
  readonly push: PushPersister | undefined;
  stats(events: readonly PendingEvent[]): Promise<RoomStatsChange[]>;
  /** Events that are stored or about to be. */
  stored(nids: readonly number[]): Promise<ReadonlyMap<number, StoredEvent>>;
}

export interface FlushResult {
  readonly stored: readonly StoredEvent[];
  readonly rows: readonly StreamRow<EventStreamRow>[];
  readonly forget: readonly StreamRow<CacheChange>[];
}

/** Stores a batch in one transaction: all of it or nothing. Throws TipConflict, or what the database says. */
export async function flushEvents(deps: FlushDeps, batch: readonly PendingEvent[]): Promise<FlushResult> {
  const [stats, push, others] = await Promise.all([deps.stats(batch), deps.push?.evaluate(batch), broughtMembers(deps, batch)]);
  const { placed, forget } = await deps.db.tx(async (tx) => {
    // Taking the ids takes the stream's lock; it is held for one more round trip.
    const events = placeAt(batch, await nextIds(tx, eventsStream, batch.length));
    const positions = new Map(events.map(({ row }) => [row.nid, row.streamOrdering ?? 0]));
    const standing = batch.flatMap(({ built }) => (built.verdict.rejected === null ? built : []));
    const expiries = noteExpiries(tx, deps.config, standing);
    const overtaken = cancelOvertakenBy(tx, deps.config, events);
    const members = memberRows(events, others, deps);
    await Promise.all([...statements(tx, events, stats, members), expiries, overtaken, push?.insert(tx, positions)]);
    const changes = batch.flatMap((pending) => pending.forget ?? []);
    return { placed: events, forget: await appendCacheChanges(tx, cachesStream.lockKey, changes) };
  });
  return { ...resultFor(placed), forget };
}

const placeAt = (batch: readonly PendingEvent[], ids: readonly number[]): Placed[] =>
  batch.map((pending, i) => ({ pending, row: eventRow(pending, ids[i] ?? 0) }));

/** What a stored batch looks like to readers, given its positions. What is to be forgotten is read from the database in time. */
export function resultOf(batch: readonly PendingEvent[], ids: readonly number[]): FlushResult {
  return { ...resultFor(placeAt(batch, ids)), forget: [] };
}

function resultFor(placed: readonly Placed[]): Omit<FlushResult, "forget"> {
  return {
    stored: placed.map(
      ({ pending: { built, redactedBy }, row }) => new StoredEvent(storedRow(row, redactedBy ?? null), built.tip.room, built.event),
    ),
    // Nobody hears of what was refused.
    rows: placed.filter(({ row }) => row.rejected === null && !row.softFailed).map(streamRow),
  };
}

/** A new row as a read of it would give it. Field by field, as it stays in memory: a rest of a pattern is a slow object of twice the size. */
function storedRow(row: NewEventRow, redactedBy: string | null): EventRow {
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
