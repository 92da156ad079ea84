import type { StoredEvent } from "../../caches/events";
import type { StreamToken } from "../../lib/streamToken";
import { eventFilter } from "../../rooms/filter";
import { coversState, noState, unionOfStates } from "../../rooms/sliding/requiredState";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import { bundledRelations } from "../events/relations";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { resolveStates } from "../sync/joinedState";
import { stateJobsOf, withoutIgnored } from "../sync/roomSections";
import { prevBatch } from "../sync/sectionParts";
import type { Tree } from "../sync/roomSections";
import { strippedState } from "../sync/stripped";
import { groupBy } from "../../lib/groupBy";
import { timelinesOf } from "../sync/timeline";
import type { Timeline } from "../sync/timeline";
import type { KnownRoom, KnownUpTo } from "./connectionState";
import type { SlidingJob, SlidingPlan } from "./plan";
import { facesOf } from "./roomFace";
import type { SlidingRoom } from "./roomFace";
import type { WantedRoom } from "./roomList";
import { needsState, selectState } from "./selectState";
import type { SentMembers } from "./shownMembers";

type Fields = Readonly<Record<string, Tree>>;

/** What is said of a room, and what the client knows of it then. */
export interface RoomResult {
  readonly roomNid: number;
  readonly roomId: string;
  /** Undefined: there was nothing to say after all. */
  readonly fields: Fields | undefined;
  /** Undefined: the room is done with. */
  readonly known: KnownRoom | undefined;
  readonly initial: boolean;
  readonly members: SentMembers | undefined;
  readonly timeline: readonly StoredEvent[];
}

export interface RoomResultsRequest {
  readonly requester: Requester;
  readonly plan: SlidingPlan;
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
  /** Direct chats of the user. */
  readonly direct: ReadonlySet<string>;
  knowsMember(roomNid: number, userId: string): boolean;
}

/** What is said of rooms. Queries are made for all rooms together. */
export async function roomResults(app: App, request: RoomResultsRequest): Promise<RoomResult[]> {
  const [told, pending] = await Promise.all([toldRooms(app, request), pendingRooms(app, request)]);
  return [...told, ...pending];
}

async function toldRooms(app: App, request: RoomResultsRequest): Promise<RoomResult[]> {
  const { jobs } = request.plan;
  const { userId } = request.requester;
  const timelines = await slidingTimelines(app, userId, jobs);
  const byRoom = new Map(jobs.map((job) => [job.job.room.nid, job]));
  const stateJobs = await stateJobsOf(
    app,
    jobs.map(({ job }) => job),
    timelines,
  );
  const resolved = await resolveStates(app, stateJobs, {
    at: "after",
    needsState: ({ roomNid }) => {
      const job = byRoom.get(roomNid);
      return job !== undefined && needsState(job);
    },
  });
  const selected = await app.turns.mapAsync(resolved, async (state): Promise<SlidingRoom[]> => {
    const job = byRoom.get(state.job.roomNid);
    if (!job) return [];
    const knowsMember = (member: string): boolean => !job.initial && request.knowsMember(state.job.roomNid, member);
    return [{ ...job, selected: await selectState(app, job, state, { knowsMember }), source: state.source }];
  });
  const rooms = selected.flat();
  const shown = rooms.filter((room) => hasNews(room, timelineOf(timelines, room)));
  const [faces, events] = await Promise.all([
    facesOf(app, userId, shown),
    app.caches.events.byNids(shown.flatMap(({ selected }) => selected.nids)),
  ]);
  const rendered = await renderRooms(app, request, { rooms: shown, timelines, events });
  const glances = await app.caches.glances.of(shown.map(({ job }) => job.room.nid));
  return rooms.map((room) => {
    const { nid, roomId } = room.job.room;
    const timeline = timelineOf(timelines, room);
    const text = rendered.get(nid);
    const { place } = room.wanted;
    const bump = place.membership === "join" ? glances.get(nid)?.bump : undefined;
    const fields = text && {
      ...commonFields(room.wanted, request.direct, bump && bump > 0 ? bump : place.streamOrdering),
      ...(room.initial && { initial: true }),
      ...(room.deeper && { unstable_expanded_timeline: true }),
      ...faces.get(nid),
      required_state: text.state,
      timeline: text.timeline,
      ...(timeline.events.length + Number(timeline.limited) > 0 && { prev_batch: prevBatch(timeline, request.now) }),
      limited: timeline.limited || room.job.newlyJoined,
      num_live: numLive(timeline, request.since),
    };
    const left = place.forgotten || (place.membership === "leave" && place.sender === userId);
    const known = left ? undefined : knownAfter(room, timeline);
    const members = fields && { anew: room.initial, userIds: room.selected.members };
    return { roomNid: nid, roomId, fields, known, initial: room.initial, members, timeline: timeline.events };
  });
}

const timelineOf = (timelines: ReadonlyMap<number, Timeline>, { job }: SlidingJob): Timeline =>
  timelines.get(job.room.nid) ?? { events: [], limited: false, start: job.since };

function hasNews({ initial, deeper, selected }: SlidingRoom, timeline: Timeline): boolean {
  return initial || deeper || timeline.events.length > 0 || timeline.limited || selected.nids.length > 0 || selected.changed.size > 0;
}

/** Timelines by room number, in as many steps as there are different limits. */
async function slidingTimelines(app: App, userId: string, jobs: readonly SlidingJob[]): Promise<Map<number, Timeline>> {
  const ignored = await ignoredUsersOf(app, userId);
  const out = new Map<number, Timeline>();
  await Promise.all(
    Array.from(
      groupBy(jobs, ({ wanted }) => wanted.timeline),
      async ([limit, group]) => {
        const requests = group.map(({ job, deeper }) => ({ ...job, ...(deeper && { since: 0, sawAll: false }) }));
        const found = await timelinesOf(app, userId, requests, eventFilter({ limit }));
        for (const [nid, timeline] of found) out.set(nid, withoutIgnored(timeline, ignored));
      },
    ),
  );
  return out;
}

interface Rendered {
  readonly state: Tree;
  readonly timeline: Tree;
}

async function renderRooms(
  app: App,
  { requester }: RoomResultsRequest,
  {
    rooms,
    timelines,
    events,
  }: {
    readonly rooms: readonly SlidingRoom[];
    readonly timelines: ReadonlyMap<number, Timeline>;
    readonly events: ReadonlyMap<number, StoredEvent>;
  },
): Promise<Map<number, Rendered>> {
  const { userId, deviceId } = requester;
  const options = { format: "withoutRoomId" as const, reader: { userId, deviceId } };
  const all = rooms.flatMap((room) => timelineOf(timelines, room).events);
  const relations = await bundledRelations(app, userId, all);
  const out = new Map<number, Rendered>();
  await app.turns.mapAsync(rooms, async (room) => {
    const state = room.selected.nids.flatMap((nid) => events.get(nid) ?? []);
    const [timelineTexts, stateTexts] = await Promise.all([
      renderEvents(app, timelineOf(timelines, room).events, { ...options, relations }),
      renderEvents(app, state, options),
    ]);
    out.set(room.job.room.nid, { state: stateTexts, timeline: timelineTexts });
  });
  return out;
}

function commonFields({ place, lists }: WantedRoom, direct: ReadonlySet<string>, bumpStamp: number): Record<string, Tree> {
  return {
    bump_stamp: bumpStamp,
    membership: place.membership,
    ...(direct.has(place.roomId) && { is_dm: true }),
    ...(lists.length > 0 && { lists }),
  };
}

/** How many events of a timeline happened since the client's last answer. */
function numLive({ events }: Timeline, since: StreamToken | undefined): number {
  return since ? events.filter(({ row }) => (row.streamOrdering ?? 0) > since.events).length : 0;
}

function knownAfter(room: SlidingRoom, timeline: Timeline): KnownRoom {
  const { wanted, initial, deeper, selected } = room;
  const before = initial ? undefined : room.known;
  const base = { shown: "full" as const, events: undefined, ...knownBeside(before) };
  const gap = !before || deeper || timeline.limited;
  const whole = (!before || deeper) && !timeline.limited;
  const known = before?.state ?? noState;
  const all = coversState(known, wanted.state) ? known : unionOfStates(known, wanted.state);
  return {
    ...base,
    timeline: whole ? Infinity : gap ? wanted.timeline : before.timeline,
    state: selected.outdated ? wanted.state : all,
  };
}

function knownBeside(before: KnownRoom | undefined): { readonly accountData: KnownUpTo; readonly receipts: KnownUpTo } {
  return before ? { accountData: before.accountData, receipts: before.receipts } : { accountData: 0, receipts: 0 };
}

/** Invitations and knocks: the room as stripped state shows it. */
async function pendingRooms(app: App, { plan, direct }: RoomResultsRequest): Promise<RoomResult[]> {
  const events = await app.caches.events.byNids(plan.pending.map(({ place }) => place.eventNid));
  return Promise.all(
    plan.pending.map(async (wanted) => {
      const { roomNid, roomId, eventNid, streamOrdering } = wanted.place;
      const event = events.get(eventNid);
      const fields = {
        ...commonFields(wanted, direct, streamOrdering),
        initial: true,
        invite_state: event ? await strippedState(app, event) : [],
      };
      const known: KnownRoom = { shown: "stripped", events: undefined, state: noState, timeline: 0, accountData: 0, receipts: 0 };
      return { roomNid, roomId, fields, known, initial: true, members: undefined, timeline: [] };
    }),
  );
}
