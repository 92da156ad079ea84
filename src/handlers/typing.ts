import { forbidden } from "../errors";
import { own } from "../lib/json";
import type { JsonObject } from "../lib/json";
import { fitsId } from "../rooms/ids";
import { setTypists } from "../writers/ephemeralRpc";
import type { App } from "./app";
import { isShutOut } from "./federation/access";
import type { Requester } from "./requester";
import { requireJoined } from "./rooms/access";

export interface TypingRequest {
  readonly roomId: string;
  readonly userId: string;
  readonly typing: boolean;
  readonly timeoutMs: number | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_TIMEOUT_MS = 120_000;
/** Of users of other servers, which say it again before. */
const REMOTE_TIMEOUT_MS = 60_000;

/** Says that the user types, or has stopped (client-server API, "Typing Notifications"). */
export async function setTyping(
  app: Pick<App, "caches" | "rpc" | "userData">,
  requester: Requester,
  request: TypingRequest,
): Promise<void> {
  const { roomId, userId, typing, timeoutMs = DEFAULT_TIMEOUT_MS } = request;
  if (userId !== requester.userId) throw forbidden("Cannot set another user's typing state");
  await requireJoined(app, userId, roomId);
  app.userData.presenceReporter.active(userId, requester.deviceId);
  if (requester.shadowBanned) return;
  const ms = typing ? Math.min(Math.max(timeoutMs, 0), MAX_TIMEOUT_MS) : 0;
  await app.rpc.call(setTypists, { roomId, userId, timeoutMs: ms });
}

/** Who types in the room now, for m.typing. */
export function typistsOf(app: Pick<App, "userData">, roomId: string): readonly string[] {
  return app.userData.typing.of(roomId);
}

/** For /sync: who types now, for those of the rooms where that changed after `since`. */
export function typingSince(app: Pick<App, "userData">, roomIds: ReadonlySet<string>, since: number): Map<string, readonly string[]> {
  const { typing } = app.userData;
  return new Map(typing.changedSince(roomIds, since).map((roomId) => [roomId, typing.of(roomId)]));
}

/** What another server says of its user: the content of an m.typing EDU. Nonsense, and rooms that do not concern it, are left out. */
export async function receiveTyping(app: Pick<App, "caches" | "rpc" | "serverName">, origin: string, content: JsonObject): Promise<void> {
  const [roomId, userId, typing] = [own(content, "room_id"), own(content, "user_id"), own(content, "typing")];
  if (typeof roomId !== "string" || typeof userId !== "string" || !fitsId(roomId) || !fitsId(userId)) return;
  if (!userId.startsWith("@") || !userId.endsWith(`:${origin}`)) return;
  const room = await app.caches.rooms.byId(roomId);
  const members = room && (await app.caches.memberships.ofRoom(room.nid));
  if (!room || !members?.hosts.has(origin) || members.local.size === 0 || (await isShutOut(app, room, origin))) return;
  await app.rpc.call(setTypists, { roomId, userId, timeoutMs: typing === true ? REMOTE_TIMEOUT_MS : 0 });
}
