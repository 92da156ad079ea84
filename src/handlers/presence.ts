import type { UserRoom } from "../caches/memberships";
import { badJson, forbidden, invalidParam } from "../errors";
import { isJsonObject, own } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import { fitsId } from "../rooms/ids";
import { getPresence } from "../storage/presence";
import type { PresenceRow, PresenceState } from "../storage/presence";
import { demandPresence, receivePresence } from "../writers/ephemeralRpc";
import type { RemotePresence } from "../writers/presence";
import type { App } from "./app";
import type { Requester } from "./requester";

type PresenceApp = Pick<App, "caches" | "clock" | "config" | "db" | "rpc" | "serverName" | "userData">;

export interface PresenceContent extends JsonObject {
  presence: PresenceState;
  last_active_ago?: number;
  status_msg?: string;
  currently_active?: boolean;
}

/** An m.presence event as /sync shows it. */
export interface PresenceEvent {
  readonly type: "m.presence";
  readonly sender: string;
  readonly content: PresenceContent;
}

export function presenceContent(row: PresenceRow, now: number): PresenceContent {
  const content: PresenceContent = { presence: row.state };
  if (row.lastActiveTs > 0) content.last_active_ago = Math.max(0, now - row.lastActiveTs);
  if (row.statusMsg !== null) content.status_msg = row.statusMsg;
  if (row.state === "online") content.currently_active = row.currentlyActive;
  return content;
}

/** The state that a client means; undefined for what is none. */
export function presenceState(app: Pick<App, "config">, text: JsonValue | undefined): PresenceState | undefined {
  if (text === "online" || text === "unavailable" || text === "offline") return text;
  const busy = text === "busy" || text === "org.matrix.msc3026.busy";
  return busy && app.config.experimental_features.msc3026_enabled ? "busy" : undefined;
}

/** Presence of a user, who must share a room with the requester. Who has none is offline. */
export async function readPresence(app: PresenceApp, requester: Requester, userId: string): Promise<PresenceContent> {
  if (app.config.presence.enabled === false) return { presence: "offline" };
  if (!userId.startsWith("@") || !fitsId(userId)) throw invalidParam("Not a user id");
  if (userId !== requester.userId && !(await whoShares(app, requester.userId, [userId])).has(userId)) {
    throw forbidden("You are not allowed to see their presence.");
  }
  const row = app.userData.presence.get(userId) ?? (await getPresence(app.db, [userId]))[0];
  // Who is not in memory is offline, whatever the last write before a crash says.
  return row
    ? presenceContent(app.userData.presence.get(userId) ?? { ...row, state: "offline" }, app.clock.now())
    : { presence: "offline" };
}

/** Sets the user's own presence. Without a message the one that was is taken away. */
export async function setPresence(
  app: PresenceApp & Pick<App, "rateLimiter">,
  requester: Requester,
  request: { readonly userId: string; readonly presence: string; readonly statusMsg: string | undefined },
): Promise<void> {
  if (request.userId !== requester.userId) throw forbidden("Can only set your own presence state");
  const state = presenceState(app, request.presence);
  if (state === undefined) throw badJson("Invalid presence state");
  if (app.config.presence.enabled !== true) return;
  const { userId, deviceId = "" } = requester;
  // As in Synapse a change too many is left out without a word.
  if (!app.rateLimiter.allows("rc_presence.per_user", userId)) return;
  app.rateLimiter.record("rc_presence.per_user", userId);
  const statusMsg = request.statusMsg?.replaceAll("\u0000", "") || null;
  await app.rpc.call(demandPresence, { userId, deviceId, state, statusMsg });
}

/** Of the candidates, those joined to a room to which the user is joined too; rooms of `exclude_rooms_from_presence` do not count. */
async function whoShares(app: Pick<App, "caches" | "config">, userId: string, candidates: readonly string[]): Promise<Set<string>> {
  const places = await app.caches.memberships.ofUsers([userId, ...candidates]);
  const mine = places.get(userId);
  const excluded = new Set(app.config.exclude_rooms_from_presence);
  const joined = (place: UserRoom | undefined): boolean => place?.membership === "join" && !excluded.has(place.roomId);
  const shares = (theirs: ReadonlyMap<number, UserRoom>): boolean => {
    if (!mine) return false;
    const [fewer, more] = mine.size < theirs.size ? [mine, theirs] : [theirs, mine];
    for (const [nid, place] of fewer) if (joined(place) && joined(more.get(nid))) return true;
    return false;
  };
  return new Set(candidates.filter((candidate) => shares(places.get(candidate) ?? new Map())));
}

export interface PresenceQuery {
  readonly userId: string;
  /** Position in the presence stream; undefined for a first sync. */
  readonly from: number | undefined;
  /** Users with whom the requester has come to share a room since. */
  readonly newlyShared?: Iterable<string>;
}

/** For /sync: the presence of users who share rooms with the requester, and of the requester. */
export async function presenceSince(app: PresenceApp, { userId, from, newlyShared = [] }: PresenceQuery): Promise<PresenceEvent[]> {
  if (app.config.presence.enabled === false) return [];
  const view = app.userData.presence;
  const changed = from === undefined ? undefined : view.changedSince(from);
  const met = new Set(newlyShared);
  const users = new Set(met);
  if (changed) for (const shared of await whoShares(app, userId, [...changed])) users.add(shared);
  else for (const shared of await presentAround(app, userId)) users.add(shared);
  if (!changed || changed.has(userId)) users.add(userId);
  const now = app.clock.now();
  return [...users].flatMap((sender): PresenceEvent[] => {
    const row = view.get(sender);
    if (row) return [{ type: "m.presence", sender, content: presenceContent(row, now) }];
    // Of somebody of ours who is new to the requester it is told, too, that they are away.
    return met.has(sender) && sender.endsWith(`:${app.serverName}`)
      ? [{ type: "m.presence", sender, content: { presence: "offline" } }]
      : [];
  });
}

/** Everybody present who shares a room with the user. The work is in proportion to the local members of the user's rooms. */
async function presentAround(app: PresenceApp, userId: string): Promise<Set<string>> {
  const view = app.userData.presence;
  const { include_offline_users_on_sync: withOffline } = app.config.presence;
  const excluded = new Set(app.config.exclude_rooms_from_presence);
  const places = [...(await app.caches.memberships.ofUser(userId)).values()];
  const joined = places.filter((place) => place.membership === "join" && !excluded.has(place.roomId));
  const rooms = await app.caches.memberships.ofRooms(joined.map((place) => place.roomNid));
  const users = new Set<string>();
  const hosts = new Set<string>();
  for (const members of rooms.values()) {
    for (const host of members.hosts.keys()) hosts.add(host);
    for (const local of members.local.keys()) {
      const row = view.get(local);
      if (row && (withOffline || row.state !== "offline")) users.add(local);
    }
  }
  hosts.delete(app.serverName);
  if (hosts.size === 0) return users;
  const remote = [...view.present()].map((row) => row.userId).filter((id) => hosts.has(id.slice(id.indexOf(":") + 1)));
  for (const shared of await whoShares(app, userId, remote)) users.add(shared);
  return users;
}

/** What another server says of its users: the content of an m.presence EDU. Only those who share a room with somebody here count. */
export async function receivePresenceEdu(app: PresenceApp, origin: string, content: JsonObject): Promise<void> {
  if (app.config.presence.enabled !== true) return;
  const push = own(content, "push");
  const updates = (Array.isArray(push) ? push : []).flatMap((item) => remoteUpdate(app, origin, item));
  const places = await app.caches.memberships.ofUsers(updates.map((update) => update.userId));
  const known = updates.filter(({ userId }) => [...(places.get(userId)?.values() ?? [])].some((place) => place.membership === "join"));
  await Promise.all(known.map((update) => app.rpc.call(receivePresence, update)));
}

function remoteUpdate(app: PresenceApp, origin: string, item: JsonValue): RemotePresence[] {
  if (!isJsonObject(item)) return [];
  const userId = own(item, "user_id");
  const state = presenceState(app, own(item, "presence"));
  if (typeof userId !== "string" || !userId.endsWith(`:${origin}`) || !fitsId(userId) || state === undefined) return [];
  const ago = own(item, "last_active_ago");
  const statusMsg = own(item, "status_msg");
  return [
    {
      userId,
      state,
      lastActiveAgo: typeof ago === "number" && Number.isSafeInteger(ago) ? ago : undefined,
      statusMsg: typeof statusMsg === "string" ? statusMsg.replaceAll("\u0000", "") : null,
      currentlyActive: own(item, "currently_active") === true,
    },
  ];
}
