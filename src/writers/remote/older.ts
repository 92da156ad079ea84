import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { StateGroup } from "../../caches/stateGroups";
import { packedGet, packedWith, packedWithout } from "../../lib/packedMap";
import { mayRedact } from "../../rooms/auth/redaction";
import { appendCacheChanges } from "../../storage/cacheChanges";
import { markRedacted, olderPositions, oldestPlace } from "../../storage/events";
import type { Redaction } from "../../storage/events";
import { insertEvents, insertRelations } from "../../storage/persistEvents";
import type { NewEventRow } from "../../storage/persistEvents";
import { insertStateGroups } from "../../storage/state";
import type { StateGroupRow } from "../../storage/state";
import { STORED_EVENT, cachesStream } from "../../streams/caches";
import { noteExpiries } from "../expiry";
import { relationOf } from "../eventFacts";
import type { OlderEvents, RemoteOutcome } from "../remoteRpc";
import { ensureOutliers, outlierRow } from "./outliers";
import { redactedEarly } from "./redactions";
import { lookupIn, resolvedGroup, snapshotGroup, stateAfter, verdictAt } from "./remoteBuild";
import { groupAfter, groupAfterForeign } from "./remoteStore";
import type { RemoteStoreDeps } from "./remoteStore";

/** Where an event stands in history that comes in late. */
interface Standing {
  readonly before: StateGroup;
  readonly after: StateGroup;
  /** Groups that are not stored yet. */
  readonly rows: readonly StateGroupRow[];
  readonly replacesNid: number | null;
  readonly rejected: string | null;
}

/**
 * Gives events a place in the history before everything that is stored, at positions below zero; they change nothing of the room as it
 * is now. In a gap they are judged by the state before them, and who may see them too. Before our first event that state is not known:
 * there it counts what held before that one. Those that may not stand get no place.
 */
export async function storeOlder(deps: RemoteStoreDeps, request: OlderEvents): Promise<RemoteOutcome> {
  const room = await deps.caches.rooms.byId(request.roomId);
  if (!room) return { kind: "rejected", reason: "unknown room" };
  await ensureOutliers(deps, room, request.events);
  return deps.outliers.run(room.roomId, async () => {
    const now = await deps.caches.events.byIds(request.events.map(({ eventId }) => eventId));
    const fresh = request.events.flatMap(({ eventId }) => now.get(eventId) ?? []).filter(wantsPlace);
    const positions = await olderPositions(deps.db, fresh.length);
    const known = new Map<string, StateGroup>();
    for (const { eventId, state } of request.foreign ?? []) {
      const { group, rows } = await groupAfterForeign(deps, room, { eventId, state });
      await insertStateGroups(deps.db, rows);
      known.set(eventId, group);
    }
    let unknown: StateGroup | undefined;
    // The last is the oldest: the state before each comes of those before it.
    for (const [i, event] of [...fresh.entries()].reverse()) {
      const standing = await standingOf(deps, room, event, known);
      if (standing) known.set(event.row.eventId, standing.after);
      else unknown ??= await groupBeforeAll(deps, room);
      const place = standing ?? (unknown && { before: unknown, after: unknown, rows: [], replacesNid: null, rejected: null });
      if (place) await storeAt(deps, room, event, place, positions[i] ?? 0);
    }
    return { kind: "known" } as const;
  });
}

const wantsPlace = ({ row }: StoredEvent): boolean => row.streamOrdering === null && row.rejected === null;

/** The state at an event and the verdict on it there; undefined where what came before is not known. */
async function standingOf(
  deps: RemoteStoreDeps,
  room: RoomInfo,
  { event, row }: StoredEvent,
  known: ReadonlyMap<string, StateGroup>,
): Promise<Standing | undefined> {
  const { caches } = deps;
  const [prev, auth] = await Promise.all([caches.events.byIds(event.prevEvents), caches.events.byIds(event.authEvents)]);
  const stored = event.prevEvents.flatMap((id) => (known.has(id) ? [] : [groupAfter(room, prev.get(id))]));
  if ((event.prevEvents.length === 0 && event.type !== "m.room.create") || stored.includes(undefined)) return undefined;
  const loaded = await caches.stateGroups.loadMany([...new Set(stored as number[])]);
  const groups = [...event.prevEvents.flatMap((id) => known.get(id) ?? []), ...loaded.values()];
  const { group: before, rows } = await resolvedGroup(deps, room, [...new Map(groups.map((group) => [group.id, group])).values()]);
  const verdict = await verdictAt(caches, { event, authEvents: [...auth.values()], before, room });
  if (!verdict.allowed) return { before, after: before, rows, replacesNid: null, rejected: verdict.reason };
  const after = await stateAfter(deps, { event, room, before, nid: row.nid });
  const replaces = after.keyNid === undefined ? undefined : packedGet(before.state, after.keyNid);
  return { before, after: after.group, rows: [...rows, ...(after.row ? [after.row] : [])], replacesNid: replaces ?? null, rejected: null };
}

async function storeAt(
  deps: RemoteStoreDeps,
  room: RoomInfo,
  { event, row }: StoredEvent,
  place: Standing,
  position: number,
): Promise<void> {
  const early = place.rejected === null ? (await redactedEarly(deps, [event])).get(event.eventId) : undefined;
  const target = place.rejected === null ? await redactionTarget(deps, event, place.before) : undefined;
  const fresh: NewEventRow = {
    ...outlierRow(row.nid, room, event, row.json, deps.now()),
    streamOrdering: position,
    stateGroup: place.after.id,
    replacesNid: place.replacesNid,
    rejected: place.rejected,
    containsUrl: typeof event.content["url"] === "string",
    relation: early || place.rejected !== null ? undefined : relationOf(event),
  };
  const redacted = (eventId: string, redactedBy: string): Redaction => ({ eventId, roomNid: room.nid, redactedBy, redactedTs: deps.now() });
  const redactions = [
    ...(early ? [redacted(event.eventId, early.row.eventId)] : []),
    ...(target ? [redacted(target.row.eventId, event.eventId)] : []),
  ];
  const changed = [event.eventId, ...(target ? [target.row.eventId] : [])];
  const rows = await deps.db.tx(async (tx) => {
    await insertStateGroups(tx, place.rows);
    await insertEvents(tx, [fresh]);
    if (fresh.relation) await insertRelations(tx, [fresh]);
    if (redactions.length > 0) await markRedacted(tx, redactions);
    if (place.rejected === null) await noteExpiries(tx, deps.config, [{ nid: row.nid, event }]);
    return appendCacheChanges(
      tx,
      cachesStream.lockKey,
      changed.map((key) => ({ cache: STORED_EVENT, key })),
    );
  });
  for (const eventId of changed) deps.caches.events.drop(eventId);
  deps.forget(rows);
}

/** What a redaction that comes in late takes effect on. */
async function redactionTarget(
  { caches }: RemoteStoreDeps,
  event: StoredEvent["event"],
  before: StateGroup,
): Promise<StoredEvent | undefined> {
  const target = event.redacts === undefined ? undefined : await caches.events.byId(event.redacts);
  return target && mayRedact(event.version, event, target.event, await lookupIn(caches, event, before.state)) ? target : undefined;
}

/** The state group before the first event of the room that we had. It is stored once; what is placed by it is the first event from then on. */
async function groupBeforeAll(deps: RemoteStoreDeps, room: RoomInfo): Promise<StateGroup | undefined> {
  const first = await oldestPlace(deps.db, room.nid);
  const event = first && (await deps.caches.events.byNids([first.nid])).get(first.nid);
  const group = first && (await deps.caches.stateGroups.load(first.stateGroup));
  if (!event || !group) return undefined;
  const { type, stateKey, nid, replacesNid } = event.row;
  const [key] = stateKey === null ? [] : await deps.caches.stateKeys.find([[type, stateKey]]);
  if (key === undefined || packedGet(group.state, key) !== nid) return group;
  const before = replacesNid === null ? packedWithout(group.state, key) : packedWith(group.state, key, replacesNid);
  const { group: made, rows } = await snapshotGroup(deps, room, before);
  await insertStateGroups(deps.db, rows);
  return made;
}
