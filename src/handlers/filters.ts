import { createHash } from "node:crypto";
import { MatrixError, badJson, forbidden, invalidParam, notFound } from "../errors";
import { canonicalJson } from "../lib/canonicalJson";
import { isJsonObject, own, parseJson } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import { JsonText } from "../lib/jsonText";
import { parseEventFilter, parseSyncFilter } from "../rooms/filter";
import type { EventFilter, ParsedFilter, SyncFilter } from "../rooms/filter";
import { addFilter, getFilter } from "../storage/filters";
import type { App } from "./app";
import type { Requester } from "./requester";

function accept<T>(parsed: ParsedFilter<T>): T {
  if (!parsed.ok) throw badJson(`Invalid filter: ${parsed.error}`);
  return parsed.filter;
}

/** The filter with its timeline limit cut to `filter_timeline_limit`; a negative setting is no limit. */
function capped(app: Pick<App, "config">, filter: JsonObject): JsonObject {
  const max = app.config.filter_timeline_limit;
  const room = own(filter, "room");
  const timeline = isJsonObject(room) ? own(room, "timeline") : undefined;
  if (max < 0 || !isJsonObject(room) || !isJsonObject(timeline)) return filter;
  const limit = own(timeline, "limit");
  return typeof limit === "number" && limit > max ? { ...filter, room: { ...room, timeline: { ...timeline, limit: max } } } : filter;
}

/** Stores a filter and gives its id. Equal filters of a user share one. */
export async function createFilter(
  app: Pick<App, "db" | "config">,
  requester: Requester,
  userId: string,
  filter: JsonObject,
): Promise<string> {
  if (userId !== requester.userId) throw forbidden("Cannot create filters for other users");
  accept(parseSyncFilter(filter));
  const text = stable(capped(app, filter));
  const digest = createHash("sha256").update(text).digest("base64");
  return String(await addFilter(app.db, userId, text, digest));
}

/** Canonical where that is possible: a filter may hold fields of any kind. */
function stable(filter: JsonObject): string {
  try {
    return canonicalJson(filter);
  } catch {
    return JSON.stringify(filter);
  }
}

function filterNumber(id: string): number {
  if (!/^\d{1,9}$/.test(id)) throw invalidParam("Invalid filter_id");
  return Number(id);
}

/** The definition of a stored filter. */
export async function readFilter(app: Pick<App, "db">, requester: Requester, userId: string, filterId: string): Promise<JsonText> {
  if (userId !== requester.userId) throw forbidden("Cannot get filters for other users");
  const text = await getFilter(app.db, userId, filterNumber(filterId));
  if (text === undefined) throw notFound(`No such filter: ${filterId}`);
  return new JsonText(text);
}

const defaultFilter: SyncFilter = accept(parseSyncFilter({}));

/** The filter that the query parameter of a /sync means: the id of a stored one or JSON. */
export async function filterOf(
  app: Pick<App, "db" | "config" | "userData">,
  userId: string,
  parameter: string | undefined,
): Promise<SyncFilter> {
  if (parameter === undefined || parameter === "") return defaultFilter;
  const key = `${userId} ${parameter}`;
  const { filters } = app.userData;
  const known = filters.get(key);
  if (known) return known;
  const json = parameter.startsWith("{") ? inline(parameter) : await stored(app, userId, parameter);
  const filter = accept(parseSyncFilter(isJsonObject(json) ? capped(app, json) : json));
  if (parameter.length <= MAX_REMEMBERED) filters.set(key, filter);
  return filter;
}

/** Longer ones are not worth the memory. */
const MAX_REMEMBERED = 4_000;

function inline(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    throw new MatrixError(400, "M_NOT_JSON", "Invalid filter JSON");
  }
}

async function stored(app: Pick<App, "db">, userId: string, filterId: string): Promise<JsonValue> {
  const text = await getFilter(app.db, userId, filterNumber(filterId));
  if (text === undefined) throw invalidParam("No such filter");
  return JSON.parse(text) as JsonValue;
}

/** A RoomEventFilter that came as JSON. */
export const eventFilterFrom = (json: JsonValue): EventFilter => accept(parseEventFilter(json));

/** The `filter` parameter of /messages, /context and their kin: JSON of a RoomEventFilter; undefined when absent. */
export function eventFilterOf(parameter: string | undefined): EventFilter | undefined {
  return parameter === undefined || parameter === "" ? undefined : accept(parseEventFilter(inline(parameter)));
}
