import { own } from "../../lib/json";
import type { RoomEvent } from "../event";
import type { RoomVersion } from "../versions";

/** v12: all who have the infinite level, by create event. */
export function creatorsOf(create: RoomEvent): ReadonlySet<string> {
  const additional = own(create.content, "additional_creators");
  const creators = new Set([create.sender]);
  if (Array.isArray(additional)) for (const userId of additional) if (typeof userId === "string") creators.add(userId);
  return creators;
}

/** The one creator who may join first, and who has level 100 in a room of version 1-11 without power levels. */
export function legacyCreatorOf(version: RoomVersion, create: RoomEvent): string | undefined {
  if (version.auth.creator === "sender") return create.sender;
  const creator = own(create.content, "creator");
  return typeof creator === "string" ? creator : undefined;
}
