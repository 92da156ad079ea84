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
  const until = {
    events: Math.min(to?.events ?? now.events, now.events),
    device_lists: Math.min(to?.device_lists ?? now.device_lists, now.device_lists),
  };
  const { changed, left } = await deviceNews(app, { userId: requester.userId }, from, until);
  return { changed: [...changed], left: [...left] };
}
