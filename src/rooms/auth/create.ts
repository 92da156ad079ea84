import { own } from "../../lib/json";
import { type RoomEvent, type Verdict, allow, reject } from "../event";
import { domainOf, isUserId } from "../ids";
import { type RoomVersion, roomVersions } from "../versions";

/** Rule 1: the create event. */
export function checkCreate(version: RoomVersion, event: RoomEvent): Verdict {
  if (event.prevEvents.length > 0) return reject("create: has prev_events");
  if (version.roomIds === "createHash") {
    if (event.pdu.room_id !== undefined) return reject("create: has a room_id");
  } else if (domainOf(event.roomId) !== domainOf(event.sender)) {
    return reject("create: the domains of room_id and sender differ");
  }
  const named = own(event.content, "room_version");
  if (named !== undefined && !(typeof named === "string" && roomVersions.has(named))) return reject("create: unknown room_version");
  if (version.auth.creator === "content" && own(event.content, "creator") === undefined) return reject("create: no creator");
  return version.auth.creatorPower ? checkAdditionalCreators(event) : allow;
}

/** v12+ */
function checkAdditionalCreators(event: RoomEvent): Verdict {
  const additional = own(event.content, "additional_creators");
  if (additional === undefined || (Array.isArray(additional) && additional.every(isUserId))) return allow;
  return reject("create: additional_creators is not a list of user ids");
}
