import type { StoredEvent } from "../../caches/events";
import type { StatePair } from "../../caches/stateKeys";
import { emptyPackedMap, packedValues, packedWith, packedMerge } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import type { EventFilter } from "../../rooms/filter";
import type { App } from "../app";
import type { LazyMembers, LazyReader } from "./lazyMembers";
import { changesOf, movesIn, undo, withoutMembers } from "./stateSection";
import type { StateMove, Stretch } from "./stateSection";
import type { Timeline } from "./timeline";

/** A room whose state section is wanted. */
export interface StateJob {
  readonly roomNid: number;
  readonly roomId: string;
  /** full: the client knows nothing of the room yet. */
  readonly kind: "full" | "news";
  readonly since: number;
  readonly upTo: number;
  readonly timeline: Timeline;
  /** For rooms that the user has left: the state group of the event with which they left. */
  readonly endGroup?: number | undefined;
}

export interface StateOptions {
  readonly filter: EventFilter;
  /** `state`: the state before the timeline; `state_after`: after it (MSC4222). */
  readonly at: "before" | "after";
  readonly reader: LazyReader & { readonly userId: string };
  readonly lazyMembers: LazyMembers;
}

export interface ResolvedState<Job extends StateJob> {
  readonly job: Job;
  /** What the section shows, before the members of senders are added. */
  readonly shown: PackedMap;
  /** The state out of which members of senders are taken. */
  readonly source: PackedMap;
}

/** The state events that each room shows, by room number. */
export async function stateSections(app: App, jobs: readonly StateJob[], options: StateOptions): Promise<Map<number, StoredEvent[]>> {
  const lazy = options.filter.lazyLoadMembers;
  const resolved = await resolveStates(app, jobs, { at: options.at, needsState: (job) => job.kind === "full" || lazy });
  const maps = new Map<number, PackedMap>();
  await app.turns.mapAsync(resolved, async ({ job, shown, source }) => {
    if (!lazy) return maps.set(job.roomNid, shown);
    // A client that knows the room is told of every member that changed while it was not looking.
    const base = job.kind === "full" ? withoutMembers(shown) : shown;
    return maps.set(job.roomNid, packedMerge(base, await sendersOf(app, job, source, options)));
  });
  const events = await app.caches.events.byNids([...maps.values()].flatMap(packedValues));
  const out = new Map<number, StoredEvent[]>();
  await app.turns.map(jobs, (job) => {
    const found = packedValues(maps.get(job.roomNid) ?? emptyPackedMap).flatMap((nid) => events.get(nid) ?? []);
    const inTimeline = shownIn(job, options.at);
    out.set(
      job.roomNid,
      found.filter((event) => !inTimeline.has(event.row.nid) && options.filter.matches(event)),
    );
  });
  return out;
}

/** With the state of before, what the timeline shows is not said twice. */
function shownIn({ timeline }: StateJob, at: StateOptions["at"]): ReadonlySet<number> {
  return new Set(at === "before" ? timeline.events.map(({ row }) => row.nid) : []);
}

/**
 * The states of the rooms, or how they changed since the client's token, as far as the timeline does not tell it: it may leave state
 * events out, because it is limited or filtered.
 */
export async function resolveStates<Job extends StateJob>(
  app: App,
  jobs: readonly Job[],
  { at, needsState }: Pick<StateOptions, "at"> & { readonly needsState: (job: Job) => boolean },
): Promise<ResolvedState<Job>[]> {
  const states = await app.caches.roomState.currents(
    jobs.filter((job) => needsState(job) && job.endGroup === undefined).map((job) => job.roomNid),
  );
  const groups = await app.caches.roomState.groups(jobs.flatMap((job) => (needsState(job) ? (job.endGroup ?? []) : [])));
  const stretches = jobs.map((job) => {
    const current = job.endGroup === undefined ? states.get(job.roomNid) : undefined;
    const later: Stretch = { roomNid: job.roomNid, after: job.upTo, upTo: current?.position ?? job.upTo };
    // The state after a timeline holds all that happened in it.
    const start = at === "before" ? job.timeline.start : job.upTo;
    const told: Stretch = { roomNid: job.roomNid, after: job.kind === "full" ? start : job.since, upTo: job.upTo };
    return { job, later, told, state: job.endGroup === undefined ? current?.state : groups.get(job.endGroup) };
  });
  const moves = await movesIn(
    app,
    stretches.flatMap(({ later, told }) => [later, told]),
  );
  return app.turns.map(stretches, ({ job, later, told, state }) => {
    const inTimeline = shownIn(job, at);
    const since = moves.get(told) ?? [];
    const end = undo(state ?? emptyPackedMap, moves.get(later) ?? []);
    const source = undo(end, since.filter(tellsOf(since, inTimeline)));
    const shown = job.kind === "full" ? source : changesOf(since.filter(({ nid }) => nid === undefined || !inTimeline.has(nid)));
    return { job, source, shown };
  });
}

/** Whether a move, and all later ones of its key, are shown by the timeline: the state section then has what was before. */
function tellsOf(moves: readonly StateMove[], inTimeline: ReadonlySet<number>): (move: StateMove) => boolean {
  const lastHidden = new Map<number, number>();
  moves.forEach(({ keyNid, nid }, i) => {
    if (nid === undefined || !inTimeline.has(nid)) lastHidden.set(keyNid, i);
  });
  const order = new Map(moves.map((move, i) => [move, i]));
  return (move) => (order.get(move) ?? 0) > (lastHidden.get(move.keyNid) ?? -1);
}

/** The member events of those who sent what the timeline shows, as far as the device lacks them. */
async function sendersOf(app: App, job: StateJob, source: PackedMap, options: StateOptions): Promise<PackedMap> {
  const { reader, filter, lazyMembers } = options;
  const senders = new Set(job.timeline.events.map(({ row }) => row.sender));
  // A client that gets to know a room wants to know its own place in it.
  if (job.kind === "full") senders.add(reader.userId);
  if (job.kind === "full") lazyMembers.reset(reader.device, job.roomId);
  const wanted = filter.includeRedundantMembers ? [...senders] : lazyMembers.unsent(reader, job.roomId, senders);
  const own = wanted.map((userId): StatePair => ["m.room.member", userId]);
  if (own.length === 0) return emptyPackedMap;
  const found = await app.caches.roomState.pick(source, own);
  const keys = await app.caches.stateKeys.find(own);
  let members = emptyPackedMap;
  found.forEach((event, i) => {
    const key = keys[i];
    if (event && key !== undefined) members = packedWith(members, key, event.row.nid);
  });
  return members;
}
