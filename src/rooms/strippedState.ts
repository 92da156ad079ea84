import { type JsonObject, type JsonValue, isJsonObject, own } from "../lib/json";

/** Entries beyond this many are left out: a room's face has few parts. */
const MAX_ENTRIES = 200;

/** The usable entries of invite_room_state or knock_room_state, each reduced to what stripped state has (whole PDUs may come, MSC4311). */
export function readStrippedState(value: JsonValue | undefined): JsonObject[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_ENTRIES).flatMap((entry) => {
    if (!isJsonObject(entry)) return [];
    const [type, stateKey, sender, content] = ["type", "state_key", "sender", "content"].map((key) => own(entry, key));
    if (typeof type !== "string" || typeof stateKey !== "string" || typeof sender !== "string" || !isJsonObject(content)) return [];
    return [{ type, state_key: stateKey, sender, content }];
  });
}
