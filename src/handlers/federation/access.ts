import type { RoomInfo } from "../../caches/rooms";
import { forbidden, notFound } from "../../errors";
import { aclAllows } from "../../rooms/serverAcl";
import type { App } from "../app";
import { currentEvent, findRoom } from "../rooms/access";

type AccessApp = Pick<App, "caches" | "serverName">;

/** Whether the room's m.room.server_acl shuts a server out. */
export async function isShutOut(app: AccessApp, room: RoomInfo, server: string): Promise<boolean> {
  const acl = await currentEvent(app, room, "m.room.server_acl");
  return !aclAllows(acl?.shown.content, server);
}

/** Whether anybody of this server is in the room, so that we know what happens there. */
export async function areWeIn(app: AccessApp, room: RoomInfo): Promise<boolean> {
  return (await app.caches.memberships.ofRoom(room.nid)).local.size > 0;
}

/** A room that we are in, as a server that wants to get in or out sees it: 404 where we are not in it, 403 where its ACL shuts the server out. */
export async function requireOpenRoom(app: AccessApp, origin: string, roomId: string): Promise<RoomInfo> {
  const room = await findRoom(app, roomId);
  if (!room || !(await areWeIn(app, room))) throw notFound("Not an active room on this server");
  await requireNotShutOut(app, room, origin);
  return room;
}

/** A room that the server is in, too, and may read. 403 otherwise. */
export async function requireSharedRoom(app: AccessApp, origin: string, roomId: string): Promise<RoomInfo> {
  const room = await findRoom(app, roomId);
  if (!room) throw forbidden("Host not in room.");
  await requireNotShutOut(app, room, origin);
  if (!(await app.caches.memberships.ofRoom(room.nid)).hosts.has(origin)) throw forbidden("Host not in room.");
  return room;
}

export async function requireNotShutOut(app: AccessApp, room: RoomInfo, origin: string): Promise<void> {
  if (await isShutOut(app, room, origin)) throw forbidden("Server is banned from room");
}
