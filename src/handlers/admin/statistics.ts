import { estimateRoomSizes } from "../../storage/roomSizes";
import type { App } from "../app";

const ROOMS = 10;

/** `GET /statistics/database/rooms`: the rooms that take most of the database, in bytes. */
export const largestRooms = (app: Pick<App, "db">) => estimateRoomSizes(app.db, ROOMS);
