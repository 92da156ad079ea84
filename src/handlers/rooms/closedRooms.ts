import { forbidden } from "../../errors";
import { isRoomClosed } from "../../storage/blockedRooms";
import type { App } from "../app";

/** 403 for a room that an administrator blocked or is having deleted: nobody of this server gets in, or is invited. */
export async function requireNotClosed(app: Pick<App, "db">, roomId: string): Promise<void> {
  if (await isRoomClosed(app.db, roomId)) throw forbidden("This room has been blocked on this server");
}
