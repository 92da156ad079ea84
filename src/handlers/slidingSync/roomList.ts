import type { UserRoom } from "../../caches/memberships";
import { itemsInRanges } from "../../rooms/sliding/ranges";
import type { StreamToken } from "../../lib/streamToken";
import { noState, requiredState, unionOfStates, wantsAllMembers } from "../../rooms/sliding/requiredState";
import type { RequiredState } from "../../rooms/sliding/requiredState";
import type { RoomGlanceRow } from "../../storage/roomGlances";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import { partialRoomsAt } from "../sync/partialRooms";
import { isForgotten } from "../sync/places";
import type { ConnectionState } from "./connectionState";
import { createListFilter } from "./listFilter";
import { knownUpTo } from "./plan";
import type { ListConfig, RoomConfig, SlidingSyncRequest } from "./request";

/** A room that the client wants to have, and how much of it: what any of the lists and subscriptions asks for that it matches. */
export interface WantedRoom {
  readonly place: UserRoom;
  readonly state: RequiredState;
  readonly timeline: number;
  readonly lists: readonly string[];
  readonly subscribed: boolean;
}

export interface RoomList {
  /** All rooms that the user may see here, by number. */
  readonly places: ReadonlyMap<number, UserRoom>;
  readonly wanted: ReadonlyMap<number, WantedRoom>;
  /** How many rooms each list has. */
  readonly counts: ReadonlyMap<string, number>;
}

interface ListRequest {
  readonly request: SlidingSyncRequest;
  readonly known: ConnectionState;
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
}

/**
 * The rooms of the request's lists and subscriptions. Everything that it asks for is remembered, or read in one query for all rooms.
 */
export async function listRooms(app: App, userId: string, { request, known, since, now }: ListRequest): Promise<RoomList> {
  const [all, ignored] = await Promise.all([app.caches.memberships.ofUser(userId), ignoredUsersOf(app, userId)]);
  const places = new Map<number, UserRoom>();
  for (const place of all.values()) {
    if (place.streamOrdering <= now.events && isListed(place, { userId, known, since, ignored })) places.set(place.roomNid, place);
  }
  const collect = createCollector(app, userId);
  const lacksMembers = await partialRoomsAt(app, now);
  // Who wants all members of a room sees it when they are there.
  const isReady = (from: RoomConfig | ListConfig) => (place: UserRoom) => !lacksMembers(place) || !wantsAllMembers(collect.stateOf(from));
  const counts = new Map<string, number>();
  if (request.lists.size > 0) {
    const glances = await app.caches.glances.of([...places.keys()]);
    const sorted = sortByActivity([...places.values()], glances);
    const filter = await createListFilter(app, { userId, places, glances, lists: [...request.lists.values()] });
    for (const [name, list] of request.lists) {
      const passing = (list.filters ? sorted.filter(filter(list.filters)) : sorted).filter(isReady(list));
      counts.set(name, passing.length);
      for (const place of itemsInRanges(passing, list.ranges ?? undefined)) collect.add(place, list, name);
    }
  }
  if (request.subscriptions.size > 0) {
    for (const place of places.values()) {
      const subscription = request.subscriptions.get(place.roomId);
      if (subscription && isReady(subscription)(place)) collect.add(place, subscription, undefined);
    }
  }
  return { places, wanted: collect.wanted, counts };
}

interface Viewer {
  readonly userId: string;
  readonly known: ConnectionState;
  readonly since: StreamToken | undefined;
  readonly ignored: ReadonlySet<string>;
}

/** Rooms that the user left of their own accord are listed until the client knows it (MSC4186, "Lists"). */
function isListed(place: UserRoom, { userId, known, since, ignored }: Viewer): boolean {
  if (isForgotten(place, knownUpTo(known.rooms.get(place.roomNid), place, since))) return false;
  if (place.forgotten) return true;
  if (place.membership === "invite") return !ignored.has(place.sender);
  return place.membership !== "leave" || place.sender !== userId || known.rooms.has(place.roomNid);
}

/** The most recently active first. Of rooms that the user is not in nothing counts but how they got there. */
function sortByActivity(places: readonly UserRoom[], glances: ReadonlyMap<number, RoomGlanceRow>): UserRoom[] {
  const at = new Map(
    places.map((place) => {
      const latest = place.membership === "join" ? glances.get(place.roomNid)?.latest : undefined;
      return [place.roomNid, latest ?? place.streamOrdering];
    }),
  );
  return [...places].sort((a, b) => (at.get(b.roomNid) ?? 0) - (at.get(a.roomNid) ?? 0) || b.roomNid - a.roomNid);
}

function createCollector({ config }: Pick<App, "config">, userId: string) {
  const cap = config.filter_timeline_limit;
  const states = new Map<RoomConfig | ListConfig, RequiredState>();
  // Most rooms match the same lists: what these ask for together is made once.
  const unions = new Map<RequiredState, Map<RequiredState, RequiredState>>();
  const wanted = new Map<number, WantedRoom>();

  function stateOf(from: RoomConfig): RequiredState {
    const state = states.get(from) ?? requiredState(from.required_state, userId);
    states.set(from, state);
    return state;
  }

  function unionOf(a: RequiredState, b: RequiredState): RequiredState {
    if (a === b) return a;
    const made = unions.get(a) ?? new Map<RequiredState, RequiredState>();
    unions.set(a, made);
    const union = made.get(b) ?? unionOfStates(a, b);
    made.set(b, union);
    return union;
  }

  return {
    stateOf,
    wanted: wanted as ReadonlyMap<number, WantedRoom>,
    add(place: UserRoom, from: RoomConfig, list: string | undefined): void {
      const before = wanted.get(place.roomNid);
      const timeline = cap < 0 ? from.timeline_limit : Math.min(from.timeline_limit, cap);
      wanted.set(place.roomNid, {
        place,
        state: unionOf(before?.state ?? noState, stateOf(from)),
        timeline: Math.max(before?.timeline ?? 0, timeline),
        lists: list === undefined ? (before?.lists ?? []) : [...(before?.lists ?? []), list],
        subscribed: list === undefined || (before?.subscribed ?? false),
      });
    },
  };
}
