import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { membershipChangesOfUser } from "../../storage/memberships";
import { membershipOf } from "../../writers/flush";
import type { App } from "../app";
import { groupBy } from "./timeline";

/** What a sync has to say of a room, going by the user's membership now and at their token. */
export interface RoomJob {
  readonly room: RoomInfo;
  readonly place: UserRoom;
  readonly section: "join" | "leave";
  /** full: the client knows nothing of the room, or what it knows is out of date. */
  readonly kind: "full" | "news";
  /** Where the timeline starts and ends. */
  readonly since: number;
  readonly upTo: number;
  /** The user was joined all the time since, and so saw everything. */
  readonly sawAll: boolean;
  /** They came in since. */
  readonly newlyJoined: boolean;
  /** Joined at some time since: not who only turned an invitation down. */
  readonly wasJoined: boolean;
}

export interface RoomJobs {
  readonly jobs: readonly RoomJob[];
  /** Invitations and knocks to show. */
  readonly pending: readonly UserRoom[];
}

export interface PlacesRequest {
  readonly userId: string;
  /** Undefined in a first sync. */
  readonly since: number | undefined;
  readonly now: number;
  readonly fullState: boolean;
  readonly includeLeave: boolean;
  allowsRoom(roomId: string): boolean;
}

/** The user's memberships in the rooms where they changed: what it was at the token, and whether it ever was other than `join` since. */
interface Past {
  readonly before: string;
  readonly memberships: readonly string[];
}

async function pastOf(app: Pick<App, "db" | "caches">, userId: string, since: number, now: number): Promise<Map<number, Past>> {
  const changes = await membershipChangesOfUser(app.db, userId, since, now);
  const events = await app.caches.events.byNids(
    changes.flatMap(({ nid, replacesNid }) => (replacesNid === null ? [nid] : [nid, replacesNid])),
  );
  const out = new Map<number, Past>();
  for (const [roomNid, list] of groupBy(changes, (change) => change.roomNid)) {
    const first = list[0];
    const replaced = first?.replacesNid;
    const before = typeof replaced === "number" ? (membershipOf(events.get(replaced)?.event) ?? "none") : "none";
    out.set(roomNid, { before, memberships: list.map(({ nid }) => membershipOf(events.get(nid)?.event) ?? "none") });
  }
  return out;
}

/** Sorts the user's rooms into what has to be said of them. Rooms where nothing can have happened are left out. */
export async function roomJobs(app: Pick<App, "db" | "caches">, places: readonly UserRoom[], request: PlacesRequest): Promise<RoomJobs> {
  const { since, now } = request;
  const wanted = places.filter((place) => !place.forgotten && place.streamOrdering <= now && request.allowsRoom(place.roomId));
  const moved = since !== undefined && wanted.some((place) => place.streamOrdering > since);
  const past = moved ? await pastOf(app, request.userId, since, now) : new Map<number, Past>();
  const rooms = await app.caches.rooms.byNids(wanted.map((place) => place.roomNid));
  const jobs: RoomJob[] = [];
  const pending: UserRoom[] = [];
  for (const place of wanted) {
    const room = rooms.get(place.roomNid);
    const isNew = since === undefined || place.streamOrdering > since;
    if (!room) continue;
    if (place.membership === "invite" || place.membership === "knock") {
      if (isNew || request.fullState) pending.push(place);
      continue;
    }
    const job =
      place.membership === "join"
        ? joinJob(place, room, request, past.get(place.roomNid))
        : leaveJob(place, room, request, past.get(place.roomNid));
    if (job) jobs.push(job);
  }
  return { jobs, pending };
}

function joinJob(place: UserRoom, room: RoomInfo, { since, now, fullState }: PlacesRequest, past: Past | undefined): RoomJob {
  const stayed = !past || (past.before === "join" && past.memberships.every((membership) => membership === "join"));
  const fresh = since === undefined || !stayed;
  return {
    room,
    place,
    section: "join",
    kind: fresh || fullState ? "full" : "news",
    since: fresh ? 0 : since,
    upTo: now,
    sawAll: !fresh,
    newlyJoined: since !== undefined && !stayed,
    wasJoined: true,
  };
}

/** A room left is told of once, up to the event by which the user left. */
function leaveJob(place: UserRoom, room: RoomInfo, request: PlacesRequest, past: Past | undefined): RoomJob | undefined {
  const { since, includeLeave } = request;
  const base = { room, place, section: "leave" as const, upTo: place.streamOrdering, sawAll: false, newlyJoined: false, wasJoined: false };
  if (since === undefined) return includeLeave ? { ...base, kind: "full", since: 0 } : undefined;
  if (place.streamOrdering <= since) return request.fullState && includeLeave ? { ...base, kind: "full", since: 0 } : undefined;
  const wasIn = past?.before === "join";
  const cameIn = past?.memberships.includes("join") ?? false;
  // Who never was in the room, and only turned an invitation down, learns no more than that.
  if (!wasIn && !cameIn) return { ...base, kind: "news", since: place.streamOrdering - 1 };
  return { ...base, kind: wasIn ? "news" : "full", since, wasJoined: true };
}
