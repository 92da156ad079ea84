import { own } from "../../lib/json";
import { type Verdict, allow, reject } from "../event";
import { domainOf } from "../ids";
import type { MemberContext } from "./member";
import { checkThirdPartyInvite } from "./thirdParty";

/** Membership `invite`. */
export function checkInvite(context: MemberContext): Verdict {
  const { event, target, create, levels, membership } = context;
  if (own(event.content, "third_party_invite") !== undefined) return checkThirdPartyInvite(context);
  // Not in the specification, but harmless: such a room has a single server, so nobody can disagree.
  if (own(create.content, "m.federate") === false && domainOf(target) !== domainOf(create.sender)) {
    return reject("invite: the room does not federate");
  }
  if (membership(event.sender) !== "join") return reject("invite: sender is not in the room");
  const current = membership(target);
  if (current === "join" || current === "ban") return reject("invite: target is joined or banned");
  return levels.userLevel(event.sender) >= levels.invite ? allow : reject("invite: level too low");
}
