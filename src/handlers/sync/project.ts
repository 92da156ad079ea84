import type { JsonObject } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import { projectEvent } from "../../rooms/filter";

/** Events cut down to the fields that a filter asks for (`event_fields`); untouched without one. */
export function projectEvents(
  events: readonly JsonText[],
  fields: readonly (readonly string[])[] | undefined,
): readonly (JsonText | JsonObject)[] {
  return fields ? events.map((event) => projectEvent(JSON.parse(event.text) as JsonObject, fields)) : events;
}
