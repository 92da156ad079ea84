import type { UserRoom } from "../../caches/memberships";
import { invalidParam, limitExceeded } from "../../errors";
import type { EndSignal } from "../../lib/ending";
import { createLimiter, LimiterFull } from "../../lib/limiter";
import type { Limiter } from "../../lib/limiter";
import { formatToken, parseToken } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import type { PresenceState } from "../../storage/presence";
import { accountDataStream } from "../../streams/accountData";
import { deviceListsStream } from "../../streams/deviceLists";
import { eventsStream } from "../../streams/events";
import { presenceStream } from "../../streams/presence";
import { pushRulesStream } from "../../streams/pushRules";
import { receiptsStream } from "../../streams/receipts";
import { toDeviceStream } from "../../streams/toDevice";
import { typingStream } from "../../streams/typing";
import { unPartialStatedRoomStream } from "../../streams/unPartialStatedRoom";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import type { Requester } from "../requester";
import { globalSections } from "./globalSections";
import { holdOwnEchoes } from "./ownEchoes";
import { partialRoomsAt, wholeRoomsSince } from "./partialRooms";
import { isForgotten, roomJobs } from "./places";
import { roomSections } from "./roomSections";
import type { StateKey, Tree } from "./roomSections";
import { withOtherStreams } from "./otherStreams";
import { pendingSections } from "./pending";
import { areRoomsQuiet, haveSameMembers, isQuietBesideRooms, quietSections } from "./quiet";

export interface SyncRequest {
  readonly filter: SyncFilter;
  /** A token of an earlier answer; undefined for a first sync. */
  readonly since: string | undefined;
  readonly fullState: boolean;
  readonly setPresence: PresenceState;
  /** Milliseconds to wait for news. */
  readonly timeout: number;
  readonly stateKey: StateKey;
  readonly signal: EndSignal;
}

/** How long a token that is ahead of this process is waited for. */
export const AHEAD_MS = 5_000;
/** Clients that ask for more get news, or nothing, after this. */
export const MAX_TIMEOUT_MS = 5 * 60_000;

/** A first answer about more rooms than this waits its turn. */
const LARGE_ROOMS = 20;
const LARGE_AT_ONCE = 4;
/** Beyond these a client is told to come back: the last one has waited for some minutes. */
const LARGE_WAITING = 1_000;

export function createLargeSyncs(): Limiter {
  return createLimiter(LARGE_AT_ONCE, LARGE_WAITING);
}

interface Answer {
  readonly tree: Tree;
  readonly hasNews: boolean;
}

/** Where the streams stand in this process. */
export function positionsNow({ streams }: Pick<App, "streams">): StreamToken {
  return {
    events: streams.position(eventsStream),
    presence: streams.position(presenceStream),
    typing: streams.position(typingStream),
    receipts: streams.position(receiptsStream),
    account_data: streams.position(accountDataStream),
    push_rules: streams.position(pushRulesStream),
    to_device: streams.position(toDeviceStream),
    device_lists: streams.position(deviceListsStream),
    un_partial_stated_room: streams.position(unPartialStatedRoomStream),
  };
}

/**
 * `GET /sync` (client-server API, "Syncing"). Waits up to the timeout for news that the filter lets through. `filterText` tells filters
 * apart: an equal request of the same device is given the same answer for a while.
 */
export function sync(app: App, requester: Requester, request: SyncRequest, filterText = ""): Promise<Tree> {
  const { userId, deviceId = "" } = requester;
  const { since = "", fullState, setPresence, timeout, stateKey } = request;
  const key = JSON.stringify([userId, deviceId, since, fullState, setPresence, timeout, stateKey, filterText]);
  return app.syncResponses.answer(key, request.signal, async (signal) => {
    const { tree, hasNews } = await freshSync(app, requester, { ...request, signal });
    return { value: tree, keep: hasNews || request.since === undefined };
  });
}

async function freshSync(app: App, requester: Requester, request: SyncRequest): Promise<Answer> {
  const since = request.since === undefined ? undefined : parseToken(request.since);
  if (request.since !== undefined && !since) throw invalidParam("Invalid since token");
  const { userId, deviceId = "" } = requester;
  const places = await app.caches.memberships.ofUser(userId);
  const endPresence = app.userData.presenceReporter.begin(userId, deviceId, request.setPresence);
  // Registered before anything is sampled: what happens from here on ends the wait.
  const listener = app.notifier.listener(userId, joinedRoomIds(places));
  const deadline = app.clock.monotonic() + Math.min(request.timeout, MAX_TIMEOUT_MS);
  const isLarge = (!since || request.fullState) && places.size > LARGE_ROOMS;
  const now = (): Promise<Answer> => answerTo(app, requester, request, since);
  const tell = (): Promise<Answer> => (isLarge ? inTurn(app, request, now) : now());
  try {
    if (since) await app.streams.waitFor(aheadOf(since), AHEAD_MS, request.signal);
    for (;;) {
      if (since) await holdOwnEchoes(app, requester, since.events);
      const answer = await tell();
      const remaining = deadline - app.clock.monotonic();
      if (!since || request.fullState || answer.hasNews || remaining <= 0 || request.signal.aborted) return answer;
      if (!(await listener.wait(remaining, request.signal))) return await tell();
    }
  } finally {
    listener.close();
    endPresence();
  }
}

export function* joinedRoomIds(places: ReadonlyMap<number, UserRoom>): Iterable<string> {
  for (const place of places.values()) if (place.membership === "join") yield place.roomId;
}

/** Presence and typing are in memory: their numbers mean nothing to a writer that started anew, so nobody waits for them. */
export function aheadOf({ presence: _presence, typing: _typing, ...durable }: StreamToken): Record<string, number> {
  return durable;
}

/** Of answers about all of somebody's many rooms few are put together at once: all would end later, and hold more memory meanwhile. */
async function inTurn(app: App, { signal }: SyncRequest, answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await app.largeSyncs.run(() => (signal.aborted ? Promise.resolve({ tree: {}, hasNews: false }) : answer()));
  } catch (error) {
    throw error instanceof LimiterFull ? limitExceeded(2_000) : error;
  }
}

/** What to say now. Everything is sampled as of one moment: the positions are read in the same turn as the memberships. */
async function answerTo(app: App, requester: Requester, request: SyncRequest, since: StreamToken | undefined): Promise<Answer> {
  const { filter } = request;
  const { userId } = requester;
  const [all, ignored] = await Promise.all([app.caches.memberships.ofUser(userId), ignoredUsersOf(app, userId)]);
  const now = positionsNow(app);
  const quietBeside = since !== undefined && !request.fullState && isQuietBesideRooms(app, requester, filter, { since, now });
  if (quietBeside && areRoomsQuiet(app, all, { since, now })) {
    const { fields } = await quietSections(app, requester, now);
    return { hasNews: false, tree: { next_batch: formatToken(now), ...fields } };
  }
  const fresh = await freshRooms(app, request, since, now);
  const places = relevantPlaces(app, all, since, request, fresh);
  const { jobs, pending } = await roomJobs(app, places.moved, {
    userId,
    sinceOf: (place) => (fresh.isNew(place) ? undefined : since?.events),
    now: now.events,
    fullState: request.fullState,
    includeLeave: filter.room.includeLeave,
    allowsRoom: filter.room.allowsRoom,
  });
  const [sections, invitations, global] = await Promise.all([
    roomSections(app, jobs, { requester, filter, since: request.since, now, stateKey: request.stateKey, ignored }),
    pendingSections(app, pending, ignored),
    quietBeside && haveSameMembers(app, all, { since, now })
      ? quietSections(app, requester, now)
      : globalSections(app, requester, { filter, since, now, jobs }),
  ]);
  const rooms = await withOtherStreams(app, requester, {
    sections,
    joined: places.joined,
    since,
    now,
    filter,
    roomAccountData: global.roomAccountData,
  });
  const lists = { ...rooms, ...invitations.rooms };
  const hasNews = global.hasNews || Object.keys(lists).length > 0;
  return {
    hasNews,
    tree: {
      next_batch: formatToken({ ...now, to_device: global.toDevicePosition }),
      ...(Object.keys(lists).length > 0 && { rooms: lists }),
      ...global.fields,
    },
  };
}

/** How rooms that were joined without their members look to a client. */
interface FreshRooms {
  /** Not shown yet. */
  isHidden(place: UserRoom): boolean;
  /** Shown for the first time, wherever the client stands. */
  isNew(place: UserRoom): boolean;
}

/** A client that wants all members of its rooms sees a room when they are there (MSC3902, "Client-server API"); others at once. */
async function freshRooms(app: App, { filter }: SyncRequest, since: StreamToken | undefined, now: StreamToken): Promise<FreshRooms> {
  if (filter.room.state.lazyLoadMembers) return { isHidden: () => false, isNew: () => false };
  const [isHidden, whole] = await Promise.all([partialRoomsAt(app, now), wholeRoomsSince(app, since, now)]);
  return { isHidden, isNew: ({ roomNid, membership }) => membership === "join" && whole.has(roomNid) };
}

/** The rooms that may have moved since the token, and all that the user is joined to. Only memory is asked. */
function relevantPlaces(
  app: App,
  all: ReadonlyMap<number, UserRoom>,
  since: StreamToken | undefined,
  { fullState, filter }: SyncRequest,
  fresh: FreshRooms,
) {
  const moved: UserRoom[] = [];
  const joined: UserRoom[] = [];
  for (const place of all.values()) {
    if (isForgotten(place, since?.events) || !filter.room.allowsRoom(place.roomId) || fresh.isHidden(place)) continue;
    if (place.membership === "join") joined.push(place);
    if (!since || fullState || fresh.isNew(place) || place.streamOrdering > since.events) moved.push(place);
    else if (place.membership === "join" && app.caches.tails.changedSince(place.roomNid, since.events) !== false) moved.push(place);
  }
  return { moved, joined };
}
