import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { Config } from "../../config/config";
import type { RoomEvent } from "../../rooms/event";
import type { CacheChange } from "../../storage/cacheChanges";
import type { Database } from "../../storage/db";
import { followersOf } from "../../storage/events";
import { deletePartialRoom, insertPartialRoom } from "../../storage/partialRooms";
import type { StreamRow } from "../../storage/streamIds";
import { insertStrippedState } from "../../storage/strippedStates";
import { accepted } from "../buildOnTip";
import type { BuiltOnTip } from "../buildOnTip";
import type { EventWithState, ForeignState, OutOfBandMembership, RemoteOutcome, RemoteRequest } from "../remoteRpc";
import { newTip } from "../roomTip";
import type { RoomTip } from "../roomTip";
import type { QueuedRequest } from "../roomWork";
import type { RemoteCaches } from "./ahead";
import { eventOf } from "../checkedPdu";
import { ensureOutliers, ensureRoom } from "./outliers";
import type { OutlierDeps } from "./outliers";
import { withCitedMembers } from "./citedMembers";
import { namedState } from "./namedState";
import { acceptRemote, resolvedGroup, snapshotGroup, verdictAt } from "./remoteBuild";
import type { GroupToStore, RemoteBuildDeps, RemoteInput } from "./remoteBuild";
import type { RedactionDeps } from "./redactions";
import type { StateReads } from "./resolveGroups";

export type RemoteStoreDeps = OutlierDeps &
  RedactionDeps &
  RemoteBuildDeps & {
    readonly db: Database;
    readonly serverName: string;
    readonly config: Pick<Config, "enable_ephemeral_messages" | "forget_rooms_on_leave">;
    /** Tells all processes what they remember wrongly. */
    readonly forget: (rows: readonly StreamRow<CacheChange>[]) => void;
  };

/** What a request comes to: an answer at once, or an event to be stored. `stored`: somebody else brought it, and it is stored or about to be. */
export type RemoteBuild = { readonly outcome: RemoteOutcome } | { readonly built: BuiltOnTip } | { readonly stored: StoredEvent };

/** Works on one room at a time: its owner calls it in the order of the room's queue. isFresh: the event was not stored a moment ago. */
export async function buildRemote(
  deps: RemoteStoreDeps,
  request: QueuedRequest,
  tip: RoomTip | undefined,
  isFresh: boolean,
): Promise<RemoteBuild> {
  const { eventId } = request.event;
  const { events } = deps.caches;
  const stored = isFresh && !events.isCached(eventId) ? undefined : await events.byId(eventId);
  if (stored && isPlaced(stored)) return { stored };
  const nid = stored?.row.nid ?? (await deps.eventNids.take(1))[0] ?? 0;
  switch (request.kind) {
    case "event":
      return buildEvent(deps, request, { nid, isKnown: stored !== undefined }, tip);
    case "with_state":
      return buildWithState(deps, request, nid, tip);
    case "out_of_band":
      return buildOutOfBand(deps, request, nid);
  }
}

const isPlaced = ({ row }: StoredEvent): boolean => row.streamOrdering !== null;

async function buildEvent(
  deps: RemoteStoreDeps,
  request: Extract<RemoteRequest, { kind: "event" }>,
  { nid, isKnown }: { readonly nid: number; readonly isKnown: boolean },
  tip: RoomTip | undefined,
): Promise<RemoteBuild> {
  if (!tip) return { outcome: { kind: "rejected", reason: "unknown room" } };
  const event = eventOf(tip.room, request.event);
  const [prev, auth] = await Promise.all([deps.caches.events.byIds(event.prevEvents), deps.caches.events.byIds(event.authEvents)]);
  const foreign = new Map(request.foreign?.map((given) => [given.eventId, given]));
  const unplaced = event.prevEvents.filter((id) => groupAfter(tip.room, prev.get(id)) === undefined);
  const missingPrev = unplaced.filter((id) => !foreign.has(id));
  const missingAuth = event.authEvents.filter((id) => !auth.has(id));
  if (missingPrev.length > 0 || missingAuth.length > 0) return { outcome: { kind: "missing", prev: missingPrev, auth: missingAuth } };
  const ids = [...new Set([...prev.values()].flatMap((before) => groupAfter(tip.room, before) ?? []))];
  const [groups, strange] = await Promise.all([
    deps.caches.stateGroups.loadMany(ids),
    Promise.all(unplaced.flatMap((id) => foreign.get(id) ?? []).map((given) => groupAfterForeign(deps, tip.room, given))),
  ]);
  const authEvents = [...auth.values()];
  const told = await resolvedGroup(deps, tip.room, [...groups.values(), ...strange.map(({ group }) => group)]);
  const before = await withCitedMembers(deps, tip.room, told, authEvents);
  // Of the states that others told us, only what came of them is kept, and what that is a delta on.
  const needed = new Set([before.group.id, ...before.rows.map(({ prevId }) => prevId)]);
  return judge(deps, {
    event,
    json: request.event.json,
    nid,
    tip,
    before: before.group,
    newGroups: [...before.rows, ...strange.flatMap(({ group, rows }) => (needed.has(group.id) ? rows : []))],
    authEvents,
    follows: await followed(deps.caches, tip.room, prev),
    // Where something was stored on the state that others name before an event, that event was stored without a place.
    isPassed: isKnown && (await isPassed(deps, tip.room, event)),
    startsAnew: false,
    suspect: request.suspect === true,
  });
}

/** The state group after an event that has a place in the room, or is about to. Of history that came in late the state may not be known. */
export function groupAfter(room: RoomInfo, event: StoredEvent | undefined): number | undefined {
  return event?.row.roomNid === room.nid && (event.row.streamOrdering ?? 0) >= 0 ? (event.row.stateGroup ?? undefined) : undefined;
}

/** The state after an event of which only others know what came before. */
export async function groupAfterForeign(deps: RemoteStoreDeps, room: RoomInfo, { eventId, state }: ForeignState) {
  // The event itself comes last, so that it takes the place of what it replaced.
  return snapshotGroup(deps, room, await namedState(deps, room, [...state.filter((id) => id !== eventId), eventId]));
}

/** Events that are walked back over, however long a row of refused ones is. */
const MAX_REFUSED = 100;

/**
 * The events that one event follows, so that they are no longer the room's end: those before it and, where these were refused, those
 * before them. Whoever built on a refused event knows what came before.
 */
export async function followed(caches: StateReads, room: RoomInfo, prev: ReadonlyMap<string, StoredEvent>): Promise<ReadonlySet<string>> {
  const ids = new Set(prev.keys());
  let refused = [...prev.values()].filter(isRefused);
  for (let walked = 0; refused.length > 0 && walked < MAX_REFUSED; walked += refused.length) {
    const wanted = refused.flatMap(({ event }) => event.prevEvents).filter((id) => !ids.has(id));
    const found = await caches.events.byIds(wanted);
    for (const id of wanted) ids.add(id);
    refused = [...found.values()].filter((event) => event.row.roomNid === room.nid && isRefused(event));
  }
  return ids;
}

/** Whether an event that is not refused has a place here and follows the given one, at once or over refused ones. */
async function isPassed({ db, caches }: RemoteStoreDeps, room: RoomInfo, { eventId, depth }: RoomEvent): Promise<boolean> {
  let ids = [eventId];
  for (let walked = 0; ids.length > 0 && walked < MAX_REFUSED; walked += ids.length) {
    const found = await caches.events.byNids(await followersOf(db, room.nid, ids, depth));
    if ([...found.values()].some((event) => !isRefused(event))) return true;
    ids = [...found.values()].map(({ row }) => row.eventId);
  }
  return false;
}

const isRefused = ({ row }: StoredEvent): boolean => row.softFailed || row.rejected !== null;

/** Checks an event and puts it on the tip, or keeps it as rejected: the state after it is then the state before it. */
export async function judge(deps: RemoteBuildDeps, input: RemoteInput): Promise<RemoteBuild> {
  const verdict = await verdictAt(deps.caches, { ...input, room: input.tip.room });
  if (verdict.allowed) return { built: await acceptRemote(deps, input) };
  const { newGroups: groups, before } = input;
  return { built: { ...still(input), groups, after: before, verdict: { rejected: verdict.reason, softFailed: false } } };
}

/** An event that changes nothing of the room. */
function still({ event, json, nid, tip }: Pick<RemoteInput, "event" | "json" | "nid" | "tip">): BuiltOnTip {
  return {
    event,
    json,
    nid,
    tip,
    before: tip,
    movesTip: false,
    groups: [],
    after: undefined,
    moves: [],
    replaces: undefined,
    verdict: accepted,
  };
}

async function buildWithState(
  deps: RemoteStoreDeps,
  request: EventWithState,
  nid: number,
  known: RoomTip | undefined,
): Promise<RemoteBuild> {
  const room = known?.room ?? (await ensureRoom(deps, request.roomId, request.version));
  if (!room) return { outcome: { kind: "rejected", reason: `room version ${request.version} is not supported` } };
  const event = eventOf(room, request.event);
  const auth = await deps.caches.events.byIds(event.authEvents);
  const missing = event.authEvents.filter((id) => !auth.has(id));
  if (missing.length > 0) return { outcome: { kind: "missing", prev: [], auth: missing } };
  const startsAnew = !known || !(await isInRoom(deps.caches, room));
  if (startsAnew) await noteLacking(deps, room, nid, request.lacking);
  const authEvents = [...auth.values()];
  const given = await snapshotGroup(deps, room, await namedState(deps, room, request.state));
  const before = startsAnew ? await withCitedMembers(deps, room, given, authEvents) : await withKnownMembers(deps, known, given, request);
  return judge(deps, {
    event,
    json: request.event.json,
    nid,
    tip: known ?? newTip(room),
    before: before.group,
    newGroups: before.rows,
    authEvents,
    follows: new Set(event.prevEvents),
    startsAnew,
  });
}

/** Notes whether members are still to come, before anybody can hear of the join. */
async function noteLacking(
  { db, caches }: RemoteStoreDeps,
  room: RoomInfo,
  joinNid: number,
  lacking: EventWithState["lacking"],
): Promise<void> {
  if (lacking) await insertPartialRoom(db, { roomNid: room.nid, joinNid, joinedVia: lacking.via, hosts: lacking.hosts });
  else await deletePartialRoom(db, room.nid);
  caches.partialRooms.forget();
}

/** The state that came with a join of a room that we are in: where it lacks members, they are those that are known here. */
async function withKnownMembers(deps: RemoteStoreDeps, { room, group }: RoomTip, given: GroupToStore, { lacking }: EventWithState) {
  if (!lacking) return given;
  const both = await resolvedGroup(deps, room, [given.group, group]);
  const needed = new Set([both.group.id, ...both.rows.map(({ prevId }) => prevId)]);
  return { group: both.group, rows: [...both.rows, ...(needed.has(given.group.id) ? given.rows : [])] };
}

async function isInRoom(caches: RemoteCaches, room: RoomInfo): Promise<boolean> {
  return (await caches.memberships.ofRoom(room.nid)).local.size > 0;
}

/** An invitation from a room that nobody here is in: its target is told, and the room stays unknown otherwise. */
async function buildOutOfBand(deps: RemoteStoreDeps, request: OutOfBandMembership, nid: number): Promise<RemoteBuild> {
  const room = await ensureRoom(deps, request.roomId, request.version);
  if (!room) return { outcome: { kind: "rejected", reason: `room version ${request.version} is not supported` } };
  await insertStrippedState(deps.db, nid, JSON.stringify(request.strippedState));
  const event = eventOf(room, request.event);
  return { built: still({ event, json: request.event.json, nid, tip: newTip(room) }) };
}

/** Stores events that others refer to. */
export async function storeOutliers(deps: RemoteStoreDeps, request: Extract<RemoteRequest, { kind: "outliers" }>): Promise<RemoteOutcome> {
  const room = await ensureRoom(deps, request.roomId, request.version);
  if (!room) return { kind: "rejected", reason: `room version ${request.version} is not supported` };
  await ensureOutliers(deps, room, request.events);
  return { kind: "known" };
}
