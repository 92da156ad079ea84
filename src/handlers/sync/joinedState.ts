import type { StoredEvent } from "../../caches/events";
import type { StatePair } from "../../caches/stateKeys";
import { emptyPackedMap, packedMerge } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import type { EventFilter } from "../../rooms/filter";
import type { App } from "../app";
import type { LazyMembers } from "./lazyMembers";
import { changesOf, movesIn, undo, withoutMembers } from "./stateSection";
import type { Stretch } from "./stateSection";
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
  readonly reader: { readonly userId: string; readonly device: string };
  readonly lazyMembers: LazyMembers;
}

interface Resolved {
  readonly job: StateJob;
  /** What the section shows, before members are chosen. */
  readonly shown: PackedMap;
  /** The state out of which members of senders are taken. */
  readonly source: PackedMap;
}

/** The state events that each room shows, by room number. */
export async function stateSections(app: App, jobs: readonly StateJob[], options: StateOptions): Promise<Map<number, StoredEvent[]>> {
  const resolved = await resolve(app, jobs, options);
  const lazy = options.filter.lazyLoadMembers;
  const maps = new Map<number, PackedMap>();
  await Promise.all(
    resolved.map(async ({ job, shown, source }) => {
      const members = lazy ? await sendersOf(app, job, source, options) : emptyPackedMap;
      maps.set(job.roomNid, lazy ? packedMerge(withoutMembers(shown), members) : shown);
    }),
  );
  const events = await app.caches.events.byNids([...maps.values()].flatMap(({ values }) => Array.from(values)));
  const out = new Map<number, StoredEvent[]>();
  for (const job of jobs) {
    const map = maps.get(job.roomNid) ?? emptyPackedMap;
    const found = Array.from(map.values).flatMap((nid) => events.get(nid) ?? []);
    // With the state of before, what the timeline shows need not be said twice.
    const inTimeline = new Set(options.at === "before" ? job.timeline.events.map(({ row }) => row.nid) : []);
    out.set(job.roomNid, found.filter((event) => !inTimeline.has(event.row.nid) && passes(options.filter, event)));
  }
  return out;
}

function passes(filter: EventFilter, { shown }: StoredEvent): boolean {
  return filter.passesAll || filter.matches({ type: shown.type, sender: shown.sender, roomId: shown.roomId, content: shown.content });
}

/** The states of the rooms at the start or the end of their timelines, or how they changed since. */
async function resolve(app: App, jobs: readonly StateJob[], { at, filter }: StateOptions): Promise<Resolved[]> {
  const needsState = (job: StateJob): boolean => job.kind === "full" || filter.lazyLoadMembers;
  const states = await app.caches.roomState.currents(jobs.filter((job) => needsState(job) && job.endGroup === undefined).map((job) => job.roomNid));
  const groups = await app.caches.roomState.groups(jobs.flatMap((job) => (needsState(job) ? (job.endGroup ?? []) : [])));
  const stretches = jobs.map((job) => {
    const current = states.get(job.roomNid);
    const end = at === "before" ? job.timeline.start : job.upTo;
    // Going back from a known state, and forward from the client's token.
    const back: Stretch | undefined = needsState(job) ? { roomNid: job.roomNid, after: end, upTo: current?.position ?? job.upTo } : undefined;
    const forth: Stretch | undefined = job.kind === "news" ? { roomNid: job.roomNid, after: job.since, upTo: end } : undefined;
    return { job, back, forth, state: job.endGroup === undefined ? current?.state : groups.get(job.endGroup) };
  });
  const moves = await movesIn(app, stretches.flatMap(({ back, forth }) => [back, forth].filter((stretch) => stretch !== undefined)));
  return stretches.map(({ job, back, forth, state }) => {
    const source = back ? undo(state ?? emptyPackedMap, moves.get(back) ?? []) : emptyPackedMap;
    return { job, source, shown: forth ? changesOf(moves.get(forth) ?? []) : source };
  });
}

/** The member events of those who sent what the timeline shows, as far as the device lacks them. */
async function sendersOf(app: App, job: StateJob, source: PackedMap, options: StateOptions): Promise<PackedMap> {
  const { reader, filter, lazyMembers } = options;
  const senders = new Set(job.timeline.events.map(({ row }) => row.sender));
  // A client that gets to know a room wants to know its own place in it.
  if (job.kind === "full") senders.add(reader.userId);
  if (job.kind === "full") lazyMembers.reset(reader.device, job.roomId);
  const wanted = filter.includeRedundantMembers ? [...senders] : lazyMembers.unsent(reader.device, job.roomId, senders);
  const own = wanted.map((userId): StatePair => ["m.room.member", userId]);
  if (own.length === 0) return emptyPackedMap;
  const found = await app.caches.roomState.pick(source, own);
  const keys = await app.caches.stateKeys.find(own);
  let members = emptyPackedMap;
  found.forEach((event, i) => {
    const key = keys[i];
    if (event && key !== undefined) members = packedMerge(members, { keys: Int32Array.of(key), values: Float64Array.of(event.row.nid) });
  });
  return members;
}
