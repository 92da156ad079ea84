import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { JsonObject } from "../../lib/json";
import type { App } from "../app";

/** What `unsigned.m.relations` says of events that others relate to (client-server API, "Aggregations of child events"), by event id. */
export async function bundledRelations(
  _app: Pick<App, "caches" | "db">,
  _userId: string,
  _room: RoomInfo,
  _events: readonly StoredEvent[],
): Promise<ReadonlyMap<string, JsonObject>> {
  return new Map();
}
