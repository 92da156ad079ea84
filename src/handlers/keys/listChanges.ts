import type { JsonObject } from "../../lib/json";
import type { StreamToken } from "../../lib/streamToken";
import type { App } from "../app";
import type { Requester } from "../requester";
import { positionsNow } from "../sync/sync";
import { deviceNews } from "./changes";

/** GET /keys/changes: what syncs between two tokens said of device lists. Without `to`, or beyond now: up to now. */
export async function deviceListsBetween(
  app: Pick<App, "db" | "caches" | "keys" | "streams">,
  requester: Requester,
  from: StreamToken,
  to: StreamToken | undefined,
): Promise<JsonObject> {
  const now = positionsNow(app);
  const upTo = (stream: "events" | "device_lists" | "un_partial_stated_room"): number => Math.min(to?.[stream] ?? now[stream], now[stream]);
  const until = {
    events: upTo("events"),
    device_lists: upTo("device_lists"),
    un_partial_stated_room: upTo("un_partial_stated_room"),
  };
  const { changed, left } = await deviceNews(app, { userId: requester.userId }, from, until);
  return { changed: [...changed], left: [...left] };
}
