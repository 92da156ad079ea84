import type { JsonObject, JsonValue } from "../../lib/json";
import { own } from "../../lib/json";
import type { App } from "../app";
import { isJoinedToAny } from "../rooms/restrictedJoins";
import type { LocalRoom } from "./localRooms";

/** Who wants to know of a room: a user of ours, a server for some user of its own, or anybody at all. */
export type Previewer = { readonly userId: string } | { readonly server: string } | "anybody";

type PreviewApp = Pick<App, "caches">;

const openRules: ReadonlySet<JsonValue | undefined> = new Set(["public", "knock", "knock_restricted"]);

/** Whether somebody may know of a room: who is in it or may come in (client-server API, "GET /hierarchy"), and everybody where anybody may. */
export async function mayPreview(app: PreviewApp, { room, face, allowed }: LocalRoom, previewer: Previewer): Promise<boolean> {
  const { auth } = room.version;
  const rule = face.joinRule;
  if (rule === "public" || (rule === "knock" && auth.knocking) || (rule === "knock_restricted" && auth.knockRestricted)) return true;
  if (face.historyVisibility === "world_readable") return true;
  if (previewer === "anybody") return false;
  if ("server" in previewer) return serverMayPreview(app, room.nid, allowed, previewer.server);
  const membership = (await app.caches.memberships.ofUser(previewer.userId)).get(room.nid)?.membership;
  return membership === "join" || membership === "invite" || (allowed.length > 0 && (await isJoinedToAny(app, previewer.userId, allowed)));
}

async function serverMayPreview(app: PreviewApp, roomNid: number, allowed: readonly string[], server: string): Promise<boolean> {
  const others = await app.caches.rooms.byIds(allowed);
  const members = await app.caches.memberships.ofRooms([roomNid, ...[...others.values()].map(({ nid }) => nid)]);
  return [...members.values()].some(({ hosts }) => hosts.has(server));
}

/** The same of a room that another server describes. What it says of our own users is not to be trusted; what rooms they are in we know. */
export async function mayPreviewRemote(app: PreviewApp, summary: JsonObject, userId: string | undefined): Promise<boolean> {
  if (openRules.has(own(summary, "join_rule")) || own(summary, "world_readable") === true) return true;
  if (userId === undefined) return false;
  const places = await app.caches.memberships.ofUser(userId);
  const roomId = own(summary, "room_id");
  for (const place of places.values())
    if (place.roomId === roomId && (place.membership === "join" || place.membership === "invite")) return true;
  const allowed = own(summary, "allowed_room_ids");
  const ids = Array.isArray(allowed) ? allowed.filter((id) => typeof id === "string") : [];
  return ids.length > 0 && isJoinedToAny(app, userId, ids);
}
