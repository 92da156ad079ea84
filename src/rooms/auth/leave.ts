import { type Verdict, allow, reject } from "../event";
import type { MemberContext } from "./member";

/** Membership `leave`: leaving, refusing an invite, kicking, unbanning. */
export function checkLeave({ version, event, target, levels, membership }: MemberContext): Verdict {
  const current = membership(target);
  if (event.sender === target) {
    const mayGo = current === "invite" || current === "join" || (version.auth.knocking && current === "knock");
    return mayGo ? allow : reject("leave: neither invited nor joined");
  }
  if (membership(event.sender) !== "join") return reject("leave: sender is not in the room");
  const level = levels.userLevel(event.sender);
  if (current === "ban" && level < levels.ban) return reject("leave: level too low to lift a ban");
  return level >= levels.kick && levels.userLevel(target) < level ? allow : reject("leave: level too low to kick");
}

/** Membership `ban`. */
export function checkBan({ event, target, levels, membership }: MemberContext): Verdict {
  if (membership(event.sender) !== "join") return reject("ban: sender is not in the room");
  const level = levels.userLevel(event.sender);
  return level >= levels.ban && levels.userLevel(target) < level ? allow : reject("ban: level too low");
}
