import { StoredEvent } from "../caches/events";
import type { Config } from "../config/config";
import { appendCacheChanges } from "../storage/cacheChanges";
import type { CacheChange } from "../storage/cacheChanges";
import type { Database, Db } from "../storage/db";
import { markRedacted } from "../storage/events";
import type { EventStreamRow } from "../storage/events";
import { upsertMembers } from "../storage/memberships";
import type { MemberRow } from "../storage/memberships";
import { changeRoomStats, insertEvents, insertRelations, recountMembers } from "../storage/persistEvents";
import type { RoomStatsChange } from "../storage/persistEvents";
import { insertRooms, insertTips, moveTips } from "../storage/rooms";
import { insertStateDeltas, insertStateGroups } from "../storage/state";
import { nextIds } from "../storage/streamIds";
import type { StreamRow } from "../storage/streamIds";
import { cachesStream } from "../streams/caches";
import { eventsStream } from "../streams/events";
import { brought } from "./buildOnTip";
import { placeAt, storedRow, streamRow } from "./eventRows";
import { noteExpiries } from "./expiry";
import { broughtMembers, memberRows } from "./memberRows";
import { cancelOvertakenBy } from "./overtaken";
import type { PendingEvent, Placed, PushPersister, PushRows } from "./pendingEvent";
import { TipConflict, tipRows } from "./tipRows";

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
  return { ...resultFor(placed, push?.summaries), forget };
}

/** What a stored batch looks like to readers, given its positions. What is to be forgotten is read from the database in time. */
export function resultOf(batch: readonly PendingEvent[], ids: readonly number[]): FlushResult {
  return { ...resultFor(placeAt(batch, ids)), forget: [] };
}

function resultFor(placed: readonly Placed[], summaries?: PushRows["summaries"]): Omit<FlushResult, "forget"> {
  const stored = placed.map(
    ({ pending: { built, redactedBy }, row }) => new StoredEvent(storedRow(row, redactedBy ?? null), built.tip.room, built.event),
  );
  // Nobody hears of what was refused.
  const rows = placed.flatMap((one, i) => {
    const event = stored[i];
    return !event || one.row.rejected !== null || one.row.softFailed ? [] : streamRow(event, one, summaries?.get(one.row.nid));
  });
  return { stored, rows };
}
