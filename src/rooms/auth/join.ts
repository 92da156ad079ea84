import { own } from "../../lib/json";
import { type Verdict, allow, reject } from "../event";
import { legacyCreatorOf } from "./creators";
import type { MemberContext } from "./member";

/** Membership `join`. */
export function checkJoin(context: MemberContext): Verdict {
  const { version, event, target, create, joinRule, membership } = context;
  const [previous] = event.prevEvents;
  // Additional creators of version 12 get no such pass.
  if (event.prevEvents.length === 1 && previous === create.eventId && target === legacyCreatorOf(version, create)) return allow;
  if (event.sender !== target) return reject("join: sender is not the target");
  const current = membership(event.sender);
  if (current === "ban") return reject("join: banned");
  const already = current === "invite" || current === "join";
  switch (joinRule) {
    case "public":
      return allow;
    case "knock":
      return version.auth.knocking && already ? allow : reject("join: not invited");
    case "invite":
      return already ? allow : reject("join: not invited");
    case "restricted":
      return version.auth.restrictedJoins ? checkRestricted(context, already) : reject("join: unknown join rule");
    case "knock_restricted":
      return version.auth.knockRestricted ? checkRestricted(context, already) : reject("join: unknown join rule");
    default:
      return reject("join: the join rule admits nobody");
  }
}

/** v8+: somebody in the room who may invite has vouched for the conditions. */
function checkRestricted({ event, levels, membership }: MemberContext, already: boolean): Verdict {
  if (already) return allow;
  const via = own(event.content, "join_authorised_via_users_server");
  if (typeof via !== "string") return reject("join: restricted, and nobody authorised it");
  if (membership(via) !== "join") return reject("join: the authorising user is not in the room");
  if (levels.userLevel(via) < levels.invite) return reject("join: the authorising user may not invite");
  return allow;
}
