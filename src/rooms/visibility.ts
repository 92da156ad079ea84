import { own } from "../lib/json";
import type { RoomEvent } from "./event";

export type HistoryVisibility = "world_readable" | "shared" | "invited" | "joined";

/** What decides whether a reader may see an event. State is that before the event, unless it says otherwise. */
export interface VisibilityFacts {
  /** The room's history visibility before the event. */
  readonly visibility: HistoryVisibility;
  /** After it, when the event is the one that sets it. */
  readonly visibilityAfter?: HistoryVisibility;
  /** The reader's membership before the event; `leave` if there was none. */
  readonly membership: string;
  /** After it, when the event is the reader's own member event. */
  readonly membershipAfter?: string;
  /** The reader joined at some time after the event. Whoever is in the room now, but was not then, has. */
  readonly joinedSince: boolean;
}

const KNOWN: readonly HistoryVisibility[] = ["world_readable", "shared", "invited", "joined"];

/** The setting in an m.room.history_visibility event; `shared` without one, or when it says nothing that we know. */
export function historyVisibilityOf(event: RoomEvent | undefined): HistoryVisibility {
  const value = event && own(event.content, "history_visibility");
  return KNOWN.find((known) => known === value) ?? "shared";
}

/**
 * Whether a reader may see an event (specification: client-server API, "Room History Visibility", server behaviour). The reader's own
 * member events go by the better of before and after, as do changes of the visibility. Erased senders and ignored users are not its business.
 */
export function maySee({ membership, membershipAfter, visibility, visibilityAfter, joinedSince }: VisibilityFacts): boolean {
  const at = (state: string): boolean => membership === state || membershipAfter === state;
  if (at("join")) return true;
  const allows = (setting: HistoryVisibility): boolean => {
    if (setting === "shared") return joinedSince;
    return setting === "world_readable" || (setting === "invited" && at("invite"));
  };
  return allows(visibility) || (visibilityAfter !== undefined && allows(visibilityAfter));
}

/**
 * Whether a server may have an event: whether some user of it could see it. `memberships` are those of its users before the event;
 * `inRoomNow` tells whether any of them is joined at present.
 */
export function serverMaySee(visibility: HistoryVisibility, memberships: Iterable<string>, inRoomNow: "inRoom" | "notInRoom"): boolean {
  if (visibility === "world_readable") return true;
  if (visibility === "shared" && inRoomNow === "inRoom") return true;
  for (const membership of memberships) {
    if (membership === "join" || (membership === "invite" && visibility === "invited")) return true;
  }
  return false;
}
