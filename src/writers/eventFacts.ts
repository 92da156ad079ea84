import { isJsonObject, own } from "../lib/json";
import type { JsonObject } from "../lib/json";
import type { RoomEvent } from "../rooms/event";
import type { Membership } from "../storage/memberships";
import type { NewEventRow } from "../storage/persistEvents";

/**
 * The relation of an event that counts for aggregations and threads (client-server API, "Forming relationships between events", and
 * "Validity of replacement events": what is encrypted may have new content).
 */
export function relationOf({ type, content }: Pick<RoomEvent, "type" | "content">): NewEventRow["relation"] {
  const relates = own(content, "m.relates_to");
  if (!isJsonObject(relates)) return undefined;
  const [relatesTo, relType, key] = [textOf(relates, "event_id"), textOf(relates, "rel_type"), textOf(relates, "key")];
  if (relatesTo === null || relType === null) return undefined;
  const isValid = relType !== "m.replace" || type === "m.room.encrypted" || isJsonObject(own(content, "m.new_content"));
  return { relatesTo, relType, key, isValid };
}

const memberships: ReadonlySet<unknown> = new Set(["join", "invite", "leave", "ban", "knock"] satisfies Membership[]);

export const isMembership = (value: unknown): value is Membership => memberships.has(value);

/** What a member event says; undefined for memberships that there are not. */
export function membershipOf(event: RoomEvent | undefined): Membership | undefined {
  const membership = event && own(event.content, "membership");
  return isMembership(membership) ? membership : undefined;
}

/** A text that the database can hold. */
export const textOf = (content: JsonObject, key: string): string | null => {
  const value = own(content, key);
  return typeof value === "string" && !value.includes("\u0000") ? value : null;
};

/** What a row says of an event that stands in the event. */
export function rowFacts(event: RoomEvent) {
  const { eventId, type, sender, depth, originServerTs, stateKey = null, redacts = null } = event;
  return { eventId, type, stateKey, sender, depth, originServerTs, redacts };
}
