import { unrecognized } from "../../errors";
import type { StreamToken } from "../../lib/streamToken";
import type { ConnectionKey } from "../../storage/slidingSync";
import type { App } from "../app";
import { requireServed } from "../auth/served";
import { askForConsent } from "../consent/required";
import { tellOfUsageLimit } from "../serverNotices/usageLimit";
import { hasFeature } from "../features";
import type { Requester } from "../requester";
import { holdOwnEchoes } from "../sync/ownEchoes";
import type { Tree } from "../sync/roomSections";
import { AHEAD_MS, MAX_TIMEOUT_MS, aheadOf, joinedRoomIds, positionsNow } from "../sync/sync";
import { nextPosition, standpointOf, stateOf } from "./connections";
import type { Standpoint } from "./connections";
import { applyChanges } from "./connectionState";
import type { ConnectionState } from "./connectionState";
import { answerExtensions } from "./extensions";
import { fallenBehind, planRooms } from "./plan";
import type { SlidingSyncRequest } from "./request";
import { listRooms } from "./roomList";
import { roomResults } from "./rooms";
import type { RoomResult } from "./rooms";
import type { SentMembers } from "./shownMembers";
import { toDevicePosition } from "./toDevice";
import { unreadOf } from "./unread";

interface Answer {
  readonly fields: { readonly [key: string]: Tree };
  readonly hasNews: boolean;
  readonly token: StreamToken;
  readonly state: ConnectionState;
  readonly members: ReadonlyMap<number, SentMembers>;
}

/** Simplified sliding sync (MSC4186). Waits up to the timeout for news of what the request asks for. */
export async function slidingSync(app: App, requester: Requester, request: SlidingSyncRequest): Promise<Tree> {
  const { userId, deviceId = "" } = requester;
  if (!(await hasFeature(app, userId, "msc3575"))) throw unrecognized();
  await requireServed(app, requester);
  await askForConsent(app, requester);
  tellOfUsageLimit(app, requester);
  if (request.extensions.to_device) toDevicePosition(request.extensions.to_device);
  const key: ConnectionKey = { userId, deviceId, connId: request.connId };
  const from = request.pos === undefined ? undefined : await standpointOf(app, key, request.pos);
  const places = await app.caches.memberships.ofUser(userId);
  const endPresence = app.userData.presenceReporter.begin(userId, deviceId, request.setPresence);
  // Registered before anything is sampled: what happens from here on ends the wait.
  const listener = app.notifier.listener(userId, joinedRoomIds(places));
  const deadline = app.clock.monotonic() + Math.min(request.timeout, MAX_TIMEOUT_MS);
  try {
    if (from) await app.streams.waitFor(aheadOf(from.token), AHEAD_MS, request.signal);
    for (;;) {
      if (from) await holdOwnEchoes(app, requester, from.token.events);
      const answer = await answerTo(app, requester, request, from);
      const remaining = deadline - app.clock.monotonic();
      const isOver = !from || answer.hasNews || remaining <= 0 || request.signal.aborted;
      if (isOver || !(await listener.wait(remaining, request.signal))) return await conclude(app, key, { request, from, answer });
    }
  } finally {
    listener.close();
    endPresence();
  }
}

/** Writes down what the client knows when it has the answer. Nobody waits for what a client that hung up would have got. */
async function conclude(
  app: App,
  key: ConnectionKey,
  { request, from, answer }: { readonly request: SlidingSyncRequest; readonly from: Standpoint | undefined; readonly answer: Answer },
): Promise<Tree> {
  if (request.signal.aborted) return {};
  const { connectionId, pos } = await nextPosition(app, key, from, answer);
  app.slidingSync.shownMembers.sent(connectionId, pos, answer.members);
  return { pos, ...(request.txnId !== undefined && { txn_id: request.txnId }), ...answer.fields };
}

/** What to say now. Everything is sampled as of one moment: the positions are read in the same turn as the memberships. */
async function answerTo(app: App, requester: Requester, request: SlidingSyncRequest, from: Standpoint | undefined): Promise<Answer> {
  const { userId } = requester;
  const known = stateOf(from);
  const since = from?.token;
  await app.caches.memberships.ofUser(userId);
  const now = positionsNow(app);
  const [list, direct] = await Promise.all([
    listRooms(app, userId, { request, known, since, now }),
    app.userData.roomMarks.direct.load(userId),
  ]);
  const plan = await planRooms(app, { userId, list, known, since, now });
  const knowsMember = (roomNid: number, member: string): boolean =>
    from !== undefined && app.slidingSync.shownMembers.knows(from.connectionId, roomNid, member);
  const results = await roomResults(app, { requester, plan, since, now, direct: direct ?? new Set(), knowsMember });
  const told = new Map(results.map((result) => [result.roomNid, result.known]));
  const state = applyChanges(known, new Map([...fallenBehind(app, { list, known, since }, told), ...told]));
  const [extensions, unread] = await Promise.all([
    answerExtensions(app, { requester, request, since, now, list, results, known: state }),
    unreadOf(app, { userId, list, results, since, now }),
  ]);
  const rooms = roomTrees(results, unread);
  return {
    fields: {
      lists: Object.fromEntries(Array.from(list.counts, ([name, count]) => [name, { count }])),
      rooms,
      extensions: extensions.tree,
    },
    hasNews: extensions.hasNews || Object.keys(rooms).length > 0,
    token: now,
    state: applyChanges(state, extensions.changes),
    members: new Map(results.flatMap(({ roomNid, members }) => (members ? [[roomNid, members] as const] : []))),
  };
}

function roomTrees(results: readonly RoomResult[], unread: Awaited<ReturnType<typeof unreadOf>>): Record<string, Tree> {
  const rooms = Object.fromEntries(results.flatMap(({ roomId, fields }) => (fields ? [[roomId, fields]] : [])));
  for (const [roomId, counts] of unread) rooms[roomId] = { ...rooms[roomId], ...counts };
  return rooms;
}
