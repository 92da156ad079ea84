import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { membershipChangesOfUser } from "../../storage/memberships";
import { membershipOf } from "../../writers/eventFacts";
import type { App } from "../app";
import { lastJoins } from "../rooms/visibleEvents";
import { groupBy } from "../../lib/groupBy";

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
  /** Up to where the client knows a room; undefined for not at all. */
  sinceOf(place: UserRoom): number | undefined;
  readonly now: number;
  readonly fullState: boolean;
  readonly includeLeave: boolean;
  allowsRoom(roomId: string): boolean;
}

interface Moved {
  readonly place: UserRoom;
  readonly since: number;
}

/** The user's memberships in the rooms where they changed: what it was at the token, and whether it ever was other than `join` since. */
interface Past {
  readonly before: string;
  readonly memberships: readonly string[];
}

async function pastOf(
  app: Pick<App, "db" | "caches">,
  moved: readonly Moved[],
  { userId, now }: PlacesRequest,
): Promise<Map<number, Past>> {
  if (moved.length === 0) return new Map();
  const sinceOf = new Map(moved.map(({ place, since }) => [place.roomNid, since]));
  const all = await membershipChangesOfUser(app.db, userId, Math.min(...sinceOf.values()), now);
  const changes = all.filter(({ roomNid, streamOrdering }) => streamOrdering > (sinceOf.get(roomNid) ?? now));
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

/** A room that was forgotten is not shown any more, but who knows it is told that they are not in it, which may be since the same moment. */
export const isForgotten = (place: UserRoom, since: number | undefined): boolean =>
  place.forgotten && (since === undefined || place.streamOrdering <= since);

/** Sorts the user's rooms into what has to be said of them. Rooms where nothing can have happened are left out. */
export async function roomJobs(app: Pick<App, "db" | "caches">, places: readonly UserRoom[], request: PlacesRequest): Promise<RoomJobs> {
  if (places.length === 0) return { jobs: [], pending: [] };
  const { now, sinceOf } = request;
  const wanted = places.filter(
    (place) => !isForgotten(place, sinceOf(place)) && place.streamOrdering <= now && request.allowsRoom(place.roomId),
  );
  const moved = wanted.flatMap((place) => {
    const since = sinceOf(place);
    return since !== undefined && place.streamOrdering > since ? [{ place, since }] : [];
  });
  const left = wanted.filter((place) => isLeft(place) && (sinceOf(place) === undefined || request.fullState));
  const [past, joins] = await Promise.all([pastOf(app, moved, request), request.includeLeave ? lastJoins(app, left) : undefined]);
  const rooms = await app.caches.rooms.byNids(wanted.map((place) => place.roomNid));
  const jobs: RoomJob[] = [];
  const pending: UserRoom[] = [];
  for (const place of wanted) {
    const room = rooms.get(place.roomNid);
    const since = sinceOf(place);
    const isNew = since === undefined || place.streamOrdering > since;
    if (!room) continue;
    if (place.membership === "invite" || place.membership === "knock") {
      if (isNew || request.fullState) pending.push(place);
      continue;
    }
    const job =
      place.membership === "join"
        ? joinJob(place, room, request, past.get(place.roomNid))
        : leaveJob(place, room, request, { past: past.get(place.roomNid), everJoined: joins?.has(place.roomNid) ?? false });
    if (job) jobs.push(job);
  }
  return { jobs, pending };
}

function joinJob(place: UserRoom, room: RoomInfo, { sinceOf, now, fullState }: PlacesRequest, past: Past | undefined): RoomJob {
  const since = sinceOf(place);
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

const isLeft = ({ membership }: UserRoom): boolean => membership === "leave" || membership === "ban";

/** A room left is told of once, up to the event by which the user left. */
function leaveJob(
  place: UserRoom,
  room: RoomInfo,
  { sinceOf, includeLeave, fullState }: PlacesRequest,
  { past, everJoined }: { readonly past: Past | undefined; readonly everJoined: boolean },
): RoomJob | undefined {
  const since = sinceOf(place);
  const base = { room, place, section: "leave" as const, upTo: place.streamOrdering, sawAll: false, newlyJoined: false, wasJoined: false };
  // Who never was in the room, and only turned an invitation down or was banned, learns no more than that.
  const outsider = { ...base, kind: "news" as const, since: place.streamOrdering - 1 };
  if (since === undefined || (fullState && place.streamOrdering <= since)) {
    if (!includeLeave) return undefined;
    return everJoined ? { ...base, kind: "full", since: 0 } : outsider;
  }
  if (place.streamOrdering <= since) return undefined;
  const wasIn = past?.before === "join";
  const cameIn = past?.memberships.includes("join") ?? false;
  if (!wasIn && !cameIn) return outsider;
  return { ...base, kind: wasIn ? "news" : "full", since, wasJoined: true };
}
