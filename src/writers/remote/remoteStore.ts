import type { Caches } from "../../caches/caches";
import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { packedMapOf } from "../../lib/packedMap";
import { oldestPlace } from "../../storage/events";
import { insertEvents } from "../../storage/persistEvents";
import { insertStrippedState } from "../../storage/strippedStates";
import { accepted } from "../buildOnTip";
import type { BuiltOnTip } from "../buildOnTip";
import type { EventWithState, OlderEvents, OutOfBandMembership, RemoteOutcome, RemoteRequest } from "../remoteRpc";
import { newTip } from "../roomTip";
import type { RoomTip } from "../roomTip";
import { ensureOutliers, ensureRoom, eventOf, outlierRow } from "./outliers";
import type { OutlierDeps } from "./outliers";
import { acceptRemote, resolvedGroup, snapshotGroup, verdictAt } from "./remoteBuild";
import type { RemoteBuildDeps, RemoteInput } from "./remoteBuild";

export type RemoteStoreDeps = OutlierDeps & RemoteBuildDeps & { readonly serverName: string };

/** What a request comes to: an answer at once, or an event to be stored. */
export type RemoteBuild = { readonly outcome: RemoteOutcome } | { readonly built: BuiltOnTip };

type PlacedRequest = Exclude<RemoteRequest, { kind: "outliers" | "older" }>;

/** Works on one room at a time: its owner calls it in the order of the room's queue, when nothing of the room waits to be stored. */
export async function buildRemote(
  deps: RemoteStoreDeps,
  request: PlacedRequest,
  tipOf: () => Promise<RoomTip | undefined>,
): Promise<RemoteBuild> {
  const stored = (await deps.caches.events.byIds([request.event.eventId])).get(request.event.eventId);
  if (stored && isPlaced(stored)) return { outcome: { kind: "known" } };
  const nid = stored?.row.nid ?? (await deps.eventNids.take(1))[0] ?? 0;
  switch (request.kind) {
    case "event":
      return buildEvent(deps, request, nid, await tipOf());
    case "with_state":
      return buildWithState(deps, request, nid, await tipOf());
    case "out_of_band":
      return buildOutOfBand(deps, request, nid);
  }
}

const isPlaced = ({ row }: StoredEvent): boolean => row.streamOrdering !== null;

async function buildEvent(
  deps: RemoteStoreDeps,
  request: Extract<RemoteRequest, { kind: "event" }>,
  nid: number,
  tip: RoomTip | undefined,
): Promise<RemoteBuild> {
  if (!tip) return { outcome: { kind: "rejected", reason: "unknown room" } };
  const event = eventOf(tip.room, request.event);
  const [prev, auth] = await Promise.all([deps.caches.events.byIds(event.prevEvents), deps.caches.events.byIds(event.authEvents)]);
  const missingPrev = event.prevEvents.filter((id) => (prev.get(id)?.row.stateGroup ?? null) === null);
  const missingAuth = event.authEvents.filter((id) => !auth.has(id));
  if (missingPrev.length > 0 || missingAuth.length > 0) return { outcome: { kind: "missing", prev: missingPrev, auth: missingAuth } };
  const ids = [...new Set([...prev.values()].flatMap(({ row }) => row.stateGroup ?? []))];
  const groups = await deps.caches.stateGroups.loadMany(ids);
  const before = await resolvedGroup(deps, tip.room, [...groups.values()]);
  return judge(deps, {
    event,
    json: request.event.json,
    nid,
    tip,
    before: before.group,
    newGroups: before.rows,
    authEvents: [...auth.values()],
    follows: new Set(event.prevEvents),
    startsAnew: false,
  });
}

/** Checks an event and puts it on the tip, or keeps it as rejected so that nobody builds on it. */
async function judge(deps: RemoteStoreDeps, input: RemoteInput): Promise<RemoteBuild> {
  const verdict = await verdictAt(deps.caches, input);
  if (verdict.allowed) return { built: await acceptRemote(deps, input) };
  return { built: { ...still(input), verdict: { rejected: verdict.reason, softFailed: false } } };
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
    stateGroup: null,
    moves: [],
    joining: new Map(),
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
  const outliers = await ensureOutliers(deps, room, [...request.authChain, ...request.state]);
  const state = request.state.flatMap(({ eventId }) => outliers.get(eventId) ?? []).filter(({ row }) => row.stateKey !== null);
  const keys = await deps.caches.stateKeys.intern(state.map(({ row }) => [row.type, row.stateKey ?? ""]));
  const map = packedMapOf(
    keys,
    state.map(({ row }) => row.nid),
  );
  const auth = await deps.caches.events.byIds(event.authEvents);
  const missing = event.authEvents.filter((id) => !auth.has(id));
  if (missing.length > 0) return { outcome: { kind: "missing", prev: [], auth: missing } };
  const before = await snapshotGroup(deps, room, map);
  const startsAnew = !known || !(await isInRoom(deps.caches, room));
  return judge(deps, {
    event,
    json: request.event.json,
    nid,
    tip: known ?? newTip(room),
    before: before.group,
    newGroups: before.rows,
    authEvents: [...auth.values()],
    follows: new Set(event.prevEvents),
    startsAnew,
  });
}

async function isInRoom(caches: Caches, room: RoomInfo): Promise<boolean> {
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

/**
 * Puts history in front of what is stored, at positions below zero. Who may see it is judged by the state of the oldest event that we
 * had: the state of those days is not known here.
 */
export async function storeOlder(deps: RemoteStoreDeps, request: OlderEvents): Promise<RemoteOutcome> {
  const room = await deps.caches.rooms.byId(request.roomId);
  const oldest = room && (await oldestPlace(deps.db, room.nid));
  if (!room || !oldest) return { kind: "rejected", reason: "unknown room" };
  const known = await deps.caches.events.byIds(request.events.map(({ eventId }) => eventId));
  const fresh = request.events.filter(({ eventId }) => !isKnown(known.get(eventId)));
  const nids = await deps.eventNids.take(fresh.length);
  const rows = fresh.map((pdu, i) => {
    const stored = known.get(pdu.eventId);
    const nid = stored?.row.nid ?? nids[i] ?? 0;
    const row = outlierRow(nid, room, eventOf(room, pdu), pdu.json, deps.now());
    return { ...row, streamOrdering: Math.min(oldest.streamOrdering, 0) - 1 - i, stateGroup: oldest.stateGroup };
  });
  if (rows.length > 0) await insertEvents(deps.db, rows);
  for (const { eventId } of fresh) deps.caches.events.drop(eventId);
  return { kind: "known" };
}

const isKnown = (event: StoredEvent | undefined): boolean => event !== undefined && isPlaced(event);
