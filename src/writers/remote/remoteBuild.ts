import type { Caches } from "../../caches/caches";
import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { StateGroup } from "../../caches/stateGroups";
import { storedGroup, wholeGroup } from "../../caches/stateGroups";
import type { StatePair } from "../../caches/stateKeys";
import { emptyPackedMap, packedDiff, packedGet, packedMapOf } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { authEventKeys, checkAuthEvents, lookupOf } from "../../rooms/auth/authEvents";
import { checkAuth } from "../../rooms/auth/check";
import { allow } from "../../rooms/event";
import type { RoomEvent, StateLookup, Verdict } from "../../rooms/event";
import type { StateGroupRow } from "../../storage/state";
import { accepted, nextGroup, pairKey } from "../buildOnTip";
import type { BuiltOnTip, CurrentMove } from "../buildOnTip";
import { unstored } from "../eventRows";
import type { IdBlock } from "../idBlocks";
import type { Extremity, RoomTip } from "../roomTip";
import { refOf } from "../roomTip";
import { resolveStates } from "./resolveGroups";
import type { StateReads } from "./resolveGroups";

/** What building on other servers' events reads. */
export type BuildReads = StateReads & {
  readonly roomState: Pick<Caches["roomState"], "pick" | "group">;
  readonly stateGroups: Pick<Caches["stateGroups"], "loadMany">;
};

export interface RemoteBuildDeps {
  readonly caches: BuildReads;
  readonly groupIds: IdBlock;
}

/** A state group, with the rows that have to be stored for it; none where it is. */
export interface GroupToStore {
  readonly group: StateGroup;
  readonly rows: readonly StateGroupRow[];
}

/** An event of another server, with what it is built upon. */
export interface RemoteInput {
  readonly event: RoomEvent;
  readonly json: string;
  readonly nid: number;
  readonly tip: RoomTip;
  readonly before: StateGroup;
  /** Groups that are not stored yet, such as that of a resolved state before the event. */
  readonly newGroups: readonly StateGroupRow[];
  readonly authEvents: readonly StoredEvent[];
  /** The tip's extremities that the event replaces. */
  readonly follows: ReadonlySet<string>;
  /** What follows the event has a place here already, so that it is no end of the room. */
  readonly isPassed?: boolean;
  /** The room starts anew with this event: nobody of this server was in it. */
  readonly startsAnew: boolean;
  /** It is soft-failed whatever the room's rules say. */
  readonly suspect?: boolean;
}

/** The pairs that authorisation of an event may look at. */
export function pairsFor(event: RoomEvent): StatePair[] {
  return [...authEventKeys(event.version, event), ["m.room.create", ""], ["m.room.power_levels", ""], ["m.room.join_rules", ""]];
}

/** A lookup into a state, with the events loaded that authorisation may ask for. */
export async function lookupIn(caches: BuildReads, event: RoomEvent, state: PackedMap): Promise<StateLookup> {
  const pairs = pairsFor(event);
  const found = await caches.roomState.pick(state, pairs);
  const events = new Map(pairs.map(([type, key], i) => [pairKey(type, key), found[i]?.event]));
  return (type, key) => events.get(pairKey(type, key));
}

/** Checks an event at its auth events and at the state before it (server-server API, "Checks performed on receipt of a PDU"). */
export async function verdictAt(
  caches: BuildReads,
  { event, authEvents, before, room }: Pick<RemoteInput, "event" | "authEvents" | "before"> & { readonly room: RoomInfo },
): Promise<Verdict> {
  const cited = checkAuthEvents(
    event.version,
    event,
    authEvents.map(({ event: auth, row }) => ({ event: auth, rejected: row.rejected !== null })),
  );
  if (!cited.allowed) return cited;
  const create = await createOf(caches, room, event, before.state);
  const atAuth = checkAuth(event.version, event, lookupOf([...(create ? [create] : []), ...authEvents.map((auth) => auth.event)]));
  if (!atAuth.allowed) return atAuth;
  return event.type === "m.room.create" ? allow : checkAuth(event.version, event, await lookupIn(caches, event, before.state));
}

/** v12: the create event stands in no auth_events, yet rules look at it. */
async function createOf(caches: BuildReads, room: RoomInfo, event: RoomEvent, state: PackedMap): Promise<RoomEvent | undefined> {
  if (room.version.auth.createInAuthEvents || event.type === "m.room.create") return undefined;
  return (await caches.roomState.pick(state, [["m.room.create", ""]]))[0]?.event;
}

/** Puts an event that passed its checks on the tip: works out the state after it and the room's new state. */
export async function acceptRemote(deps: RemoteBuildDeps, input: RemoteInput): Promise<BuiltOnTip> {
  const { caches } = deps;
  const { event, tip, before, nid } = input;
  const after = await stateAfter(deps, { event, room: tip.room, before, nid });
  const groups = [...input.newGroups, ...(after.row ? [after.row] : [])];
  const replaces = after.keyNid === undefined ? undefined : await eventAt(caches, before.state, after.keyNid);
  const base = { event, json: input.json, nid, before: tip, after: after.group, replaces, verdict: accepted };
  // While most members are still to come, the present state says too little; it is asked once they are there.
  const isExempt = input.startsAnew || (await caches.partialRooms.has(tip.room.nid));
  const atCurrent = isExempt ? allow : checkAuth(event.version, event, await lookupIn(caches, event, tip.group.state));
  const apart: BuiltOnTip = { ...base, tip, movesTip: false, groups, moves: [] };
  if (!atCurrent.allowed || input.suspect) return { ...apart, verdict: { rejected: null, softFailed: true } };
  const self: Extremity = { nid, ...refOf({ room: tip.room, event, row: { eventId: event.eventId } } as StoredEvent) };
  const others = input.startsAnew ? [] : tip.extremities.filter(({ eventId }) => !input.follows.has(eventId));
  const isEnd = input.isPassed !== true || others.length === 0;
  const extremities = isEnd ? [...others, self] : others;
  const isSame = !isEnd && others.length === tip.extremities.length;
  const current = isSame ? { group: tip.group, rows: [] } : await currentState(deps, others, apart, isEnd ? after.group : undefined);
  const moves = await movesBetween(caches, input.startsAnew ? undefined : tip.group.state, current.group.state);
  return {
    ...base,
    tip: { room: tip.room, version: tip.version + 1, extremities, depth: Math.max(tip.depth, event.depth), group: current.group },
    movesTip: true,
    groups: [...groups, ...current.rows],
    moves,
  };
}

/** The state after an event that may stand on the state before it. keyNid: of a state event, what it is in the state. */
export async function stateAfter(
  deps: RemoteBuildDeps,
  { event, room, before, nid }: Pick<RemoteInput, "event" | "before" | "nid"> & { readonly room: RoomInfo },
): Promise<{ group: StateGroup; row: StateGroupRow | undefined; keyNid: number | undefined }> {
  if (event.stateKey === undefined) return { group: before, row: undefined, keyNid: undefined };
  const [keyNid = 0] = await deps.caches.stateKeys.intern([[event.type, event.stateKey]]);
  const [id = 0] = await deps.groupIds.take(1);
  return { ...nextGroup({ room, group: before }, keyNid, nid, id), keyNid };
}

async function eventAt(caches: BuildReads, state: PackedMap, keyNid: number): Promise<StoredEvent | undefined> {
  const nid = packedGet(state, keyNid);
  return nid === undefined ? undefined : (await caches.events.byNids([nid])).get(nid);
}

/** The state that holds with stored extremities and, where it is one, the event that is not stored yet, which has `after`. */
async function currentState(
  deps: RemoteBuildDeps,
  extremities: readonly Extremity[],
  self: BuiltOnTip,
  after: StateGroup | undefined,
): Promise<GroupToStore> {
  const others = await deps.caches.events.byNids(extremities.map(({ nid }) => nid));
  const ids = [...new Set([...others.values()].flatMap(({ row }) => row.stateGroup ?? []))].filter((id) => id !== after?.id);
  if (after && ids.length === 0) return { group: after, rows: [] };
  const groups = [...(after ? [after] : []), ...(await deps.caches.stateGroups.loadMany(ids)).values()];
  return resolvedGroup(deps, self.tip.room, groups, after ? [unstored(self)] : []);
}

/** One group for the state that several resolve to; a new one unless it equals one of them. Events of the states that are not stored yet come along. */
export async function resolvedGroup(
  deps: RemoteBuildDeps,
  room: RoomInfo,
  groups: readonly StateGroup[],
  unstoredEvents: readonly StoredEvent[] = [],
): Promise<GroupToStore> {
  const [only] = groups;
  if (only && groups.length === 1) return { group: only, rows: [] };
  const states = groups.map((group) => group.state);
  const state = await resolveStates(deps.caches, room, states, unstoredEvents);
  const same = groups.find((group) => packedDiff(group.state, state).length === 0);
  if (same) return { group: same, rows: [] };
  const [id = 0] = await deps.groupIds.take(1);
  const { group, row } = nearestGroup(id, room.nid, groups, state);
  return { group, rows: [row] };
}

/** A group on that of `groups` from which the state differs least. A delta cannot take keys away, so it may have to be stored whole. */
export function nearestGroup(id: number, roomNid: number, groups: readonly StateGroup[], state: PackedMap): ReturnType<typeof storedGroup> {
  const near = groups.flatMap((parent) => {
    const moved = packedDiff(parent.state, state);
    const takesAway = moved.some(({ after }) => after === undefined);
    return takesAway ? [] : [{ parent, moved }];
  });
  const [nearest] = near.sort((a, b) => a.moved.length - b.moved.length);
  if (!nearest) return wholeGroup(id, roomNid, state);
  const { parent, moved } = nearest;
  const delta = packedMapOf(
    moved.map(({ key }) => key),
    moved.map(({ after = 0 }) => after),
  );
  return storedGroup(id, roomNid, parent, { state, delta });
}

/** A group that stores a state whole. */
export async function snapshotGroup(deps: RemoteBuildDeps, room: RoomInfo, state: PackedMap): Promise<GroupToStore> {
  const [id = 0] = await deps.groupIds.take(1);
  const { group, row } = wholeGroup(id, room.nid, state);
  return { group, rows: [row] };
}

async function movesBetween(caches: BuildReads, before: PackedMap | undefined, after: PackedMap): Promise<CurrentMove[]> {
  const differences = packedDiff(before ?? emptyPackedMap, after);
  const previous = await caches.events.byNids(differences.flatMap((difference) => difference.before ?? []));
  return differences.map(({ key, before: prev, after: nid }) => ({
    keyNid: key,
    prev: prev === undefined ? undefined : previous.get(prev),
    nid,
  }));
}
