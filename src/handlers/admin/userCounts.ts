import { countInvitesBy, countRoomsJoinedBy } from "../../storage/adminUsers";
import type { App } from "../app";

/** Invitations that a user of this server sent from a time on (ms). */
export const countInvites = (app: Pick<App, "db">, userId: string, fromTs: number): Promise<number> =>
  countInvitesBy(app.db, userId, fromTs);

/** Rooms that a user joined from a time on (ms), left ones included. */
export const countJoinedRooms = (app: Pick<App, "db">, userId: string, fromTs: number): Promise<number> =>
  countRoomsJoinedBy(app.db, userId, fromTs);
