import type { UserRoom } from "../../caches/memberships";
import { coversState } from "../../rooms/sliding/requiredState";
import type { StreamToken } from "../../lib/streamToken";
import type { App } from "../app";
import { roomJobs } from "../sync/places";
import type { RoomJob } from "../sync/places";
import type { ConnectionState, KnownRoom } from "./connectionState";
import type { RoomList, WantedRoom } from "./roomList";

/** A room of which there may be something to say. */
export interface SlidingJob {
  readonly job: RoomJob;
  readonly wanted: WantedRoom;
  readonly known: KnownRoom | undefined;
  /** The client knows nothing of the room, or is to forget what it knows. */
  readonly initial: boolean;
  /** More history is wanted than was shown. */
  readonly deeper: boolean;
  /** State is wanted that was not shown. */
  readonly wider: boolean;
}

export interface SlidingPlan {
  readonly jobs: readonly SlidingJob[];
  /** Invitations and knocks to show. */
  readonly pending: readonly WantedRoom[];
}

export interface PlanRequest {
  readonly userId: string;
  readonly list: RoomList;
  readonly known: ConnectionState;
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
}

/** Sorts out which of the wanted rooms have news for the client. Only memory is asked, unless the user's membership changed. */
export async function planRooms(app: App, { userId, list, known, since, now }: PlanRequest): Promise<SlidingPlan> {
  const sinceOf = (place: UserRoom): number | undefined => knownUpTo(known.rooms.get(place.roomNid), place, since);
  const due = [...list.wanted.values()].filter(({ place, ...wanted }) => {
    const upTo = sinceOf(place);
    const room = known.rooms.get(place.roomNid);
    if (upTo === undefined || room === undefined || place.streamOrdering > upTo) return true;
    if (place.membership !== "join") return false;
    return hasMoved(app, place, room, upTo) || isDeeper(room, wanted) || !coversState(room.state, wanted.state);
  });
  const places = due.map(({ place }) => place);
  const { jobs, pending } = await roomJobs(app, places, {
    userId,
    sinceOf,
    now: now.events,
    fullState: false,
    includeLeave: true,
    allowsRoom: () => true,
  });
  return {
    jobs: jobs.flatMap((job) => slidingJob(job, list.wanted.get(job.room.nid), known.rooms.get(job.room.nid)) ?? []),
    pending: pending.flatMap((place) => list.wanted.get(place.roomNid) ?? []),
  };
}

function slidingJob(job: RoomJob, wanted: WantedRoom | undefined, known: KnownRoom | undefined): SlidingJob | undefined {
  if (!wanted) return undefined;
  const initial = job.kind === "full" || known?.shown !== "full";
  if (initial || !known || job.section !== "join") return { job, wanted, known, initial, deeper: false, wider: false };
  return { job, wanted, known, initial, deeper: isDeeper(known, wanted), wider: !coversState(known.state, wanted.state) };
}

const isDeeper = (known: KnownRoom, wanted: Pick<WantedRoom, "timeline">): boolean => wanted.timeline > known.timeline;

/** Up to where the client knows a room's events; undefined for a room of which it was shown nothing, or only an invitation. */
export function knownUpTo(known: KnownRoom | undefined, place: UserRoom, since: StreamToken | undefined): number | undefined {
  if (!known || !since || (known.shown === "stripped" && place.membership === "join")) return undefined;
  return known.events ?? since.events;
}

function hasMoved(app: Pick<App, "caches">, place: UserRoom, known: KnownRoom, upTo: number): boolean {
  return known.events !== undefined || app.caches.tails.changedSince(place.roomNid, upTo) !== false;
}

/** Rooms that moved since the client's token and are not told of now: it knows them only up to there from now on. */
export function fallenBehind(
  app: Pick<App, "caches">,
  { list, known, since }: Pick<PlanRequest, "list" | "known" | "since">,
  told: { has(roomNid: number): boolean },
): Map<number, KnownRoom> {
  const behind = new Map<number, KnownRoom>();
  if (!since) return behind;
  for (const [roomNid, room] of known.rooms) {
    if (room.events !== undefined || told.has(roomNid)) continue;
    const place = list.places.get(roomNid);
    const isInside = !place || place.membership === "join";
    const moved = isInside ? app.caches.tails.changedSince(roomNid, since.events) !== false : place.streamOrdering > since.events;
    if (moved) behind.set(roomNid, { ...room, events: since.events });
  }
  return behind;
}
