import type { StoredEvent } from "../../caches/events";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import { formatToken } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import type { App } from "../app";
import { bundledRelations } from "../events/relations";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { projectEvents } from "./project";
import { stateSections } from "./joinedState";
import type { StateJob } from "./joinedState";
import type { RoomJob } from "./places";
import { lazyDeviceOf } from "./lazyMembers";
import type { LazyMembers } from "./lazyMembers";
import { newsInMemory, recentEvents } from "./newsInMemory";
import { formatOf, prevBatch, readerOf } from "./sectionParts";
import { summariesOf } from "./summary";
import type { RoomSummary } from "./summary";
import { timelinesOf } from "./timeline";
import type { Timeline } from "./timeline";

/** A JSON tree with ready-made text in it. */
export type Tree = JsonValue | JsonText | readonly Tree[] | { readonly [key: string]: Tree | undefined };

/** Under which name, and so as of when, the client wants the state of a room: before the timeline, or after it (MSC4222, and its unstable name). */
export type StateKey = "state" | "state_after" | "org.matrix.msc4222.state_after";

export interface SectionRequest {
  readonly requester: Requester;
  readonly filter: SyncFilter;
  /** The token with which the client came. */
  readonly since: string | undefined;
  readonly now: StreamToken;
  readonly stateKey: StateKey;
  readonly ignored: ReadonlySet<string>;
}

/** What the events stream contributes to a room of the answer. */
export interface RoomSection {
  readonly job: RoomJob;
  /** Nothing to say: the room appears only if another stream has news of it. */
  readonly empty: boolean;
  readonly fields: { readonly [key: string]: Tree };
}

/** Timelines, state and summaries of rooms, in the order of the jobs. */
export async function roomSections(
  app: App & { readonly lazyMembers: LazyMembers },
  jobs: readonly RoomJob[],
  request: SectionRequest,
): Promise<RoomSection[]> {
  if (jobs.length === 0) return [];
  const recent = jobs.map((job) => recentEvents(app, job, request));
  // All who are woken by an event of another process come at once, and share this.
  await app.caches.events.byNids(recent.flatMap((nids) => nids ?? []));
  const atHand = jobs.map((job, i) => recent[i] && newsInMemory(app, job, recent[i], request));
  const others = jobs.filter((_, i) => !atHand[i]);
  if (others.length === 0) return atHand.filter((section) => section !== undefined);
  const read = new Map((await readSections(app, others, request)).map((section) => [section.job, section]));
  return jobs.flatMap((job, i) => atHand[i] ?? read.get(job) ?? []);
}

/** Queries are made for all rooms together. */
async function readSections(
  app: App & { readonly lazyMembers: LazyMembers },
  jobs: readonly RoomJob[],
  request: SectionRequest,
): Promise<RoomSection[]> {
  const { requester, filter } = request;
  const timelines = await timelinesOf(app, requester.userId, jobs, filter.room.timeline);
  for (const [nid, timeline] of timelines) timelines.set(nid, withoutIgnored(timeline, request.ignored));
  const [states, summaries] = await Promise.all([statesOf(app, jobs, timelines, request), summariesFor(app, jobs, timelines, request)]);
  const heroes = await app.caches.events.byNids([...summaries.values()].flatMap(({ heroEvents }) => heroEvents));
  return app.turns.mapAsync(jobs, (job) => {
    const timeline = timelines.get(job.room.nid) ?? { events: [], limited: false, start: job.since };
    const summary = summaries.get(job.room.nid);
    const state = withHeroes(states.get(job.room.nid) ?? [], summary, heroes, timeline);
    return section(app, job, { timeline, state, summary }, request);
  });
}

/** Messages of ignored users are kept back; their state events are not, as the room's state must be right. */
export function withoutIgnored(timeline: Timeline, ignored: ReadonlySet<string>): Timeline {
  if (ignored.size === 0) return timeline;
  return { ...timeline, events: timeline.events.filter(({ row }) => row.stateKey !== null || !ignored.has(row.sender)) };
}

function withHeroes(
  state: readonly StoredEvent[],
  summary: RoomSummary | undefined,
  heroes: ReadonlyMap<number, StoredEvent>,
  timeline: Timeline,
): readonly StoredEvent[] {
  if (!summary || summary.heroEvents.length === 0) return state;
  const known = new Set([...state, ...timeline.events].map(({ row }) => row.nid));
  return [...state, ...summary.heroEvents.flatMap((nid) => (known.has(nid) ? [] : (heroes.get(nid) ?? [])))];
}

async function statesOf(
  app: App & { readonly lazyMembers: LazyMembers },
  jobs: readonly RoomJob[],
  timelines: ReadonlyMap<number, Timeline>,
  request: SectionRequest,
): Promise<Map<number, StoredEvent[]>> {
  const { filter, requester, stateKey } = request;
  return stateSections(app, await stateJobsOf(app, jobs, timelines), {
    filter: filter.room.state,
    at: stateKey === "state" ? "before" : "after",
    reader: { userId: requester.userId, device: lazyDeviceOf(requester), since: request.since },
    lazyMembers: app.lazyMembers,
  });
}

/** What is to be found out of the rooms' state. */
export async function stateJobsOf(
  app: Pick<App, "caches">,
  jobs: readonly RoomJob[],
  timelines: ReadonlyMap<number, Timeline>,
): Promise<StateJob[]> {
  const ends = await app.caches.events.byNids(jobs.flatMap((job) => (job.section === "leave" ? [job.place.eventNid] : [])));
  return jobs.map((job) => ({
    roomNid: job.room.nid,
    roomId: job.room.roomId,
    kind: job.kind,
    since: job.since,
    upTo: job.upTo,
    timeline: timelines.get(job.room.nid) ?? { events: [], limited: false, start: job.since },
    endGroup: job.section === "leave" ? (ends.get(job.place.eventNid)?.row.stateGroup ?? undefined) : undefined,
  }));
}

/** Summaries are due with lazy loading, whenever membership may have changed. */
async function summariesFor(
  app: App,
  jobs: readonly RoomJob[],
  timelines: ReadonlyMap<number, Timeline>,
  { requester, filter }: SectionRequest,
) {
  if (!filter.room.state.lazyLoadMembers) return new Map<number, RoomSummary>();
  const due = jobs.filter((job) => {
    const timeline = timelines.get(job.room.nid);
    return (
      job.section === "join" &&
      (job.kind === "full" || timeline?.limited || timeline?.events.some(({ row }) => row.type === "m.room.member"))
    );
  });
  return summariesOf(
    app,
    requester.userId,
    due.map(({ room }) => room.nid),
  );
}

/**
 * A client that is told a room from its beginning is pointed to the end of it, as Synapse does: programs that read history only from this
 * token on expect to find all of it there.
 */
function wholeHistory({ since, upTo }: RoomJob, { limited }: Timeline, now: StreamToken): string | undefined {
  return since === 0 && !limited ? formatToken({ ...now, events: upTo }) : undefined;
}

async function section(
  app: App,
  job: RoomJob,
  { timeline, state, summary }: { timeline: Timeline; state: readonly StoredEvent[]; summary: RoomSummary | undefined },
  { requester, filter, now, stateKey }: SectionRequest,
): Promise<RoomSection> {
  const format = formatOf(filter);
  const reader = readerOf(requester);
  const relations = await bundledRelations(app, requester.userId, timeline.events);
  const [timelineEvents, stateEvents] = await Promise.all([
    renderEvents(app, timeline.events, { format, reader, relations }),
    renderEvents(app, state, { format, reader }),
  ]);
  const limited = timeline.limited || job.newlyJoined;
  return {
    job,
    empty: job.kind === "news" && timeline.events.length === 0 && state.length === 0 && !timeline.limited && job.section === "join",
    fields: {
      timeline: {
        events: projectEvents(timelineEvents, filter.eventFields),
        limited,
        prev_batch: wholeHistory(job, timeline, now) ?? prevBatch(timeline, now),
      },
      [stateKey]: { events: projectEvents(stateEvents, filter.eventFields) },
      ...(summary && { summary: summary.fields as JsonObject }),
    },
  };
}
