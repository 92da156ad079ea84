import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, forbidden, notFound } from "../../errors";
import { aclAllows } from "../../rooms/serverAcl";
import type { App } from "../app";
import { findRoom, oftenAskedEvent } from "../rooms/access";

type AccessApp = Pick<App, "caches" | "serverName">;

/** Whether the room's m.room.server_acl shuts a server out. */
export async function isShutOut(app: AccessApp, room: RoomInfo, server: string): Promise<boolean> {
  const acl = await oftenAskedEvent(app, room, "m.room.server_acl");
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

/** As requireOpenRoom, for who wants to get in: while most members of a room are still to come, we cannot tell who may (MSC3895). 404 then. */
export async function requireWholeRoom(app: AccessApp, origin: string, roomId: string): Promise<RoomInfo> {
  const room = await requireOpenRoom(app, origin, roomId);
  if (await app.caches.partialRooms.has(room.nid)) throw notFound("This server is not fully joined to the room yet");
  return room;
}

/**
 * A room that the server is in, too, and may read. 403 otherwise; MSC3895's where most members of the room are still to come, unless what
 * is asked for is but "known_events".
 */
export async function requireSharedRoom(
  app: AccessApp,
  origin: string,
  roomId: string,
  what: "states" | "known_events" = "states",
): Promise<RoomInfo> {
  const room = await findRoom(app, roomId);
  if (!room) throw forbidden("Host not in room.");
  await requireNotShutOut(app, room, origin);
  if (what === "states") await requireFullState(app, room);
  if (!(await app.caches.memberships.ofRoom(room.nid)).hosts.has(origin)) throw forbidden("Host not in room.");
  return room;
}

/** 403 while most members of a room are still to come: under the name that servers know from before MSC3895 was accepted. */
export async function requireFullState(app: AccessApp, room: RoomInfo): Promise<void> {
  if (!(await app.caches.partialRooms.has(room.nid))) return;
  throw new MatrixError(403, "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE", "This server is not fully joined to the room yet");
}

export async function requireNotShutOut(app: AccessApp, room: RoomInfo, origin: string): Promise<void> {
  if (await isShutOut(app, room, origin)) throw forbidden("Server is banned from room");
}
