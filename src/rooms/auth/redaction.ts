import { type RoomEvent, type StateLookup, type Verdict, allow, reject } from "../event";
import { domainOf } from "../ids";
import type { RoomVersion } from "../versions";
import { type PowerLevels, powerLevels } from "./levels";

/** v1-2: whether a redaction may be sent at all. */
export function checkRedaction(event: RoomEvent, levels: PowerLevels): Verdict {
  if (levels.userLevel(event.sender) >= levels.redact) return allow;
  const domain = event.redacts === undefined ? undefined : domainOf(event.redacts);
  return domain !== undefined && domain === domainOf(event.eventId) ? allow : reject("redaction: level too low");
}

/**
 * Whether an accepted redaction is to be applied to its target (specification: rooms/v3, "Handling redactions"). `state` is the state
 * before the redaction. Up to version 2 the auth rules have decided already.
 */
export function mayRedact(version: RoomVersion, redaction: RoomEvent, target: RoomEvent, state: StateLookup): boolean {
  if (redaction.roomId !== target.roomId || redaction.redacts !== target.eventId) return false;
  if (version.auth.redactionRule) return true;
  if (domainOf(redaction.sender) === domainOf(target.sender)) return true;
  const levels = powerLevels(version, state);
  return levels.userLevel(redaction.sender) >= levels.redact;
}
