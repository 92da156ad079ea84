import { type Verdict, allow, reject } from "../event";
import type { MemberContext } from "./member";

/** v7+: membership `knock`. */
export function checkKnock({ version, event, target, joinRule, membership }: MemberContext): Verdict {
  if (joinRule !== "knock" && !(version.auth.knockRestricted && joinRule === "knock_restricted")) {
    return reject("knock: the join rule does not admit knocking");
  }
  if (event.sender !== target) return reject("knock: sender is not the target");
  const current = membership(event.sender);
  if (current === "ban" || current === "invite" || current === "join") return reject("knock: already banned, invited or joined");
  return allow;
}
