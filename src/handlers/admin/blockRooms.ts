import { invalidParam } from "../../errors";
import { fitsId } from "../../rooms/ids";
import { blockRoom, blockerOf, unblockRoom } from "../../storage/blockedRooms";
import type { App } from "../app";
import type { Requester } from "../requester";

/** 400 for what is no room id; the room need not be known. */
export function checkRoomId(roomId: string): void {
  if (!roomId.startsWith("!") || !fitsId(roomId)) throw invalidParam(`${roomId.slice(0, 300)} is not a legal room ID`);
}

export async function setBlocked(app: Pick<App, "db">, requester: Requester, roomId: string, block: boolean): Promise<void> {
  checkRoomId(roomId);
  if (block) await blockRoom(app.db, roomId, requester.userId);
  else await unblockRoom(app.db, roomId);
}

export async function readBlocked(app: Pick<App, "db">, roomId: string): Promise<{ readonly block: boolean; readonly user_id?: string }> {
  checkRoomId(roomId);
  const userId = await blockerOf(app.db, roomId);
  return { block: userId !== undefined, ...(userId !== undefined && { user_id: userId }) };
}
