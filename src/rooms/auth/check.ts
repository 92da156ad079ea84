import { own } from "../../lib/json";
import { type RoomEvent, type StateLookup, type Verdict, allow, reject } from "../event";
import { domainOf, isUserId } from "../ids";
import type { RoomVersion } from "../versions";
import { checkCreate } from "./create";
import { type PowerLevels, powerLevels } from "./levels";
import { checkMember, membershipIn } from "./member";
import { checkPowerLevels } from "./powerLevelsEvent";
import { checkRedaction } from "./redaction";

/**
 * Whether an event is authorised in a state: all rules but those about its `auth_events` (`checkAuthEvents`). The lookup must serve what
 * `authEventKeys` names and the create event, which in version 12 is the accepted event whose id the room id is.
 */
export function checkAuth(version: RoomVersion, event: RoomEvent, state: StateLookup): Verdict {
  if (event.type === "m.room.create") return checkCreate(version, event);
  const create = state("m.room.create", "");
  if (!create) return reject("the room has no create event");
  if (version.roomIds === "createHash" && event.roomId !== `!${create.eventId.slice(1)}`) {
    return reject("room_id does not name the create event");
  }
  if (own(create.content, "m.federate") === false && domainOf(event.sender) !== domainOf(create.sender)) {
    return reject("the room does not federate");
  }
  if (version.auth.aliasesRule && event.type === "m.room.aliases") return checkAliases(event);
  if (event.type === "m.room.member") return checkMember(version, event, create, state);
  if (membershipIn(state, event.sender) !== "join") return reject("sender is not in the room");
  return checkByLevel(version, event, state);
}

/** v1-5 */
function checkAliases(event: RoomEvent): Verdict {
  if (event.stateKey === undefined) return reject("aliases: no state_key");
  return domainOf(event.sender) === event.stateKey ? allow : reject("aliases: the state_key is not the sender's domain");
}

function checkByLevel(version: RoomVersion, event: RoomEvent, state: StateLookup): Verdict {
  const { type, sender, stateKey } = event;
  const levels = powerLevels(version, state);
  const level = levels.userLevel(sender);
  if (type === "m.room.third_party_invite") return level >= levels.invite ? allow : reject("level too low to invite");
  if (level < levels.requiredFor(type, stateKey === undefined ? "message" : "state")) return reject(`level too low for ${type}`);
  if (stateKey?.startsWith("@") && stateKey !== sender && !(version.auth.ownedState && mayOwn(stateKey, sender, levels))) {
    return reject("the state_key names another user");
  }
  if (type === "m.room.power_levels") return checkPowerLevels(version, event, state, levels);
  if (version.auth.redactionRule && type === "m.room.redaction") return checkRedaction(event, levels);
  return allow;
}

/** MSC3757: `@user:domain_suffix` belongs to that user and to those above them. */
function mayOwn(stateKey: string, sender: string, levels: PowerLevels): boolean {
  const colon = stateKey.indexOf(":", 1);
  const underscore = colon < 0 ? -1 : stateKey.indexOf("_", colon);
  const owner = underscore < 0 ? stateKey : stateKey.slice(0, underscore);
  return isUserId(owner) && (owner === sender || levels.userLevel(sender) > levels.userLevel(owner));
}
