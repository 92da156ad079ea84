import type { JsonObject, JsonValue } from "../../lib/json";
import { own } from "../../lib/json";

const isText = (value: JsonValue): boolean => typeof value === "string";
const isFlag = (value: JsonValue): boolean => typeof value === "boolean";
const isCount = (value: JsonValue): boolean => Number.isSafeInteger(value);
const isTexts = (value: JsonValue): boolean => Array.isArray(value) && value.every(isText);

/** What a summary of a room consists of (client-server API, "RoomSummary"). */
const fields: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  room_id: isText,
  name: isText,
  topic: isText,
  canonical_alias: isText,
  avatar_url: isText,
  room_type: isText,
  encryption: isText,
  join_rule: isText,
  num_joined_members: isCount,
  world_readable: isFlag,
  guest_can_join: isFlag,
  room_version: isText,
  allowed_room_ids: isTexts,
};

/** What clients must find in a summary. */
const defaults: JsonObject = { num_joined_members: 0, world_readable: false, guest_can_join: false, join_rule: "public" };

/** Another server's summary of a room, as far as it is one: clients may rely on the types of what they are given. */
export function readSummary(told: JsonObject): JsonObject {
  const summary: JsonObject = { ...defaults };
  for (const [name, fits] of Object.entries(fields)) {
    const value = own(told, name);
    if (value !== undefined && fits(value)) summary[name] = value;
  }
  return summary;
}
