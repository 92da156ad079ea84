import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, invalidParam } from "../../errors";
import type { EndSignal } from "../../lib/ending";
import { formatToken, parseToken } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import { accountDataSince } from "../accountData";
import type { App } from "../app";
import { presenceSince } from "../presence";
import { receiptsSince } from "../receipts";
import type { Requester } from "../requester";
import { placeOf } from "../rooms/access";
import { standingIn } from "../rooms/readState";
import type { Tree } from "../sync/roomSections";
import { typingSince } from "../typing";
import { inRoom, legacyPresence } from "./format";
import { legacyNow } from "./initialSync";
import { presenceInRoom } from "./roomPresence";
import { roomEventsBetween } from "./streamEvents";
import type { NewEvents } from "./streamEvents";

export interface EventStreamRequest {
  /** A token of an earlier answer or of an initial sync; undefined: from now on. */
  readonly from: string | undefined;
  /** Milliseconds to wait for news. */
  readonly timeout: number;
  /** Events of rooms; everything else comes whole. */
  readonly limit: number;
  /** Only this room, which needs not be joined if its history is world readable. */
  readonly roomId: string | undefined;
  readonly signal: EndSignal;
}

/** Shorter waits would make clients ask in a tight loop. */
const MIN_TIMEOUT_MS = 500;
const MAX_TIMEOUT_MS = 5 * 60_000;
const MAX_LIMIT = 1000;
const AHEAD_MS = 5_000;

/** The rooms that a request is about. */
export interface StreamScope {
  /** Set where the client named one. */
  readonly only: RoomInfo | undefined;
  /** The user looks in from outside. */
  readonly peeking: boolean;
}

/**
 * `GET /events` (client-server API, deprecated but for "Room Previews"): whatever happened since the token, oldest first, in one list of
 * room events, presence, typing, receipts and account data. Waits up to the timeout while there is nothing.
 */
export async function readEventStream(app: App, requester: Requester, request: EventStreamRequest): Promise<Tree> {
  const { userId, deviceId = "", isGuest } = requester;
  if (isGuest && request.roomId === undefined) throw new MatrixError(400, "M_UNKNOWN", "Guest users must specify room_id param");
  const from = request.from === undefined ? legacyNow(app) : parseToken(request.from);
  if (!from) throw invalidParam("Invalid from token");
  const scope = await scopeOf(app, requester, request.roomId);
  const endPresence = isGuest ? () => undefined : app.userData.presenceReporter.begin(userId, deviceId, "online");
  // Registered before anything is sampled: what happens from here on ends the wait.
  const listener = app.notifier.listener(userId, scope.only ? [scope.only.roomId] : await joinedRoomIds(app, userId));
  const wait = request.timeout === 0 ? 0 : Math.min(Math.max(request.timeout, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS);
  const deadline = app.clock.monotonic() + wait;
  try {
    // Presence and typing are in memory: their numbers mean nothing to a writer that started anew.
    const { presence: _presence, typing: _typing, ...durable } = from;
    await app.streams.waitFor(durable, AHEAD_MS, request.signal);
    for (;;) {
      const answer = await answerTo(app, requester, { from, scope, limit: Math.min(request.limit, MAX_LIMIT) });
      const remaining = deadline - app.clock.monotonic();
      const isDone = answer.chunk.length > 0 || remaining <= 0 || request.signal.aborted;
      if (isDone) return { chunk: answer.chunk, start: request.from ?? formatToken(from), end: formatToken(answer.end) };
      await listener.wait(remaining, request.signal);
    }
  } finally {
    listener.close();
    endPresence();
  }
}

async function scopeOf(app: App, requester: Requester, roomId: string | undefined): Promise<StreamScope> {
  if (roomId === undefined) return { only: undefined, peeking: false };
  const { room, left } = await standingIn(app, requester, roomId);
  if (left) throw new MatrixError(403, "M_FORBIDDEN", "Non-joined access not allowed");
  return { only: room, peeking: (await placeOf(app, requester.userId, room))?.membership !== "join" };
}

async function joinedPlaces(app: App, userId: string): Promise<UserRoom[]> {
  return [...(await app.caches.memberships.ofUser(userId)).values()].filter(({ membership }) => membership === "join");
}

const joinedRoomIds = async (app: App, userId: string): Promise<string[]> => (await joinedPlaces(app, userId)).map(({ roomId }) => roomId);

interface Question {
  readonly from: StreamToken;
  readonly scope: StreamScope;
  readonly limit: number;
}

/** What there is now. Everything is sampled as of one moment. */
async function answerTo(
  app: App,
  requester: Requester,
  { from, scope, limit }: Question,
): Promise<{ chunk: readonly Tree[]; end: StreamToken }> {
  const { userId } = requester;
  const joined = await joinedPlaces(app, userId);
  const now = legacyNow(app);
  const rooms = scope.only ? [{ roomNid: scope.only.nid, roomId: scope.only.roomId }] : joined;
  const roomIds = rooms.map(({ roomId }) => roomId);
  const events = await roomEventsBetween(app, requester, { rooms, only: scope.only, from: from.events, to: now.events, limit });
  const [presence, receipts, accountData] = await Promise.all([
    presenceOf(app, userId, scope, from, events),
    receiptsSince(app, { roomIds, from: from.receipts, to: now.receipts, userId }),
    accountDataSince(app, userId, from.account_data, now.account_data),
  ]);
  const typing = typingSince(app, new Set(roomIds), from.typing);
  const chunk: Tree[] = [
    ...events.texts,
    ...presence.map(legacyPresence),
    ...[...typing].map(([roomId, users]) => inRoom(roomId, "m.typing", { user_ids: [...users] })),
    ...[...receipts].map(([roomId, content]) => inRoom(roomId, "m.receipt", content)),
    ...accountData.global.map(({ type, content }) => ({ type, content })),
    ...[...accountData.rooms].flatMap(([roomId, data]) => data.map(({ type, content }) => inRoom(roomId, type, content))),
  ];
  return { chunk, end: { ...now, events: events.upTo } };
}

/** Who changed; with whoever came into a room of the user's, and with everybody where the user came in. */
async function presenceOf(app: App, userId: string, scope: StreamScope, from: StreamToken, events: NewEvents) {
  if (scope.only && scope.peeking) return presenceInRoom(app, scope.only, app.userData.presence.changedSince(from.presence));
  const newlyShared = new Set(events.joiners);
  for (const roomNid of events.enteredRooms)
    for (const member of (await app.caches.memberships.ofRoom(roomNid)).local.keys()) newlyShared.add(member);
  return presenceSince(app, { userId, from: from.presence, newlyShared });
}
