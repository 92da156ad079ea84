import { own } from "../../lib/json";
import { type RoomEvent, type StateLookup, type Verdict, reject } from "../event";
import { domainOf, isUserId } from "../ids";
import { signaturesBy } from "../signing";
import type { RoomVersion } from "../versions";
import { checkInvite } from "./invite";
import { checkJoin } from "./join";
import { checkKnock } from "./knock";
import { checkBan, checkLeave } from "./leave";
import { type PowerLevels, powerLevels } from "./levels";

/** What the rules about member events look at. */
export interface MemberContext {
  readonly version: RoomVersion;
  readonly event: RoomEvent;
  /** The state_key. */
  readonly target: string;
  readonly create: RoomEvent;
  readonly state: StateLookup;
  readonly levels: PowerLevels;
  /** Without a join rules event, `invite`. */
  readonly joinRule: string;
  /** The current membership of a user, `leave` without a member event. */
  membership(userId: string): string;
}

const checks: Readonly<Record<string, (context: MemberContext) => Verdict>> = {
  join: checkJoin,
  invite: checkInvite,
  leave: checkLeave,
  ban: checkBan,
  knock: checkKnock,
};

/** The rules for m.room.member, by the new membership. */
export function checkMember(version: RoomVersion, event: RoomEvent, create: RoomEvent, state: StateLookup): Verdict {
  const membership = own(event.content, "membership");
  if (event.stateKey === undefined) return reject("member: no state_key");
  // Not in the specification's list, but other servers cannot read such an event either.
  if (!isUserId(event.stateKey)) return reject("member: the state_key is no user id");
  if (typeof membership !== "string") return reject("member: no membership");
  const unsigned = checkAuthorisingSignature(version, event);
  if (unsigned) return unsigned;
  const check = Object.hasOwn(checks, membership) ? checks[membership] : undefined;
  if (!check || (membership === "knock" && !version.auth.knocking)) return reject("member: unknown membership");
  const rule = own(state("m.room.join_rules", "")?.content ?? {}, "join_rule");
  return check({
    version,
    event,
    target: event.stateKey,
    create,
    state,
    levels: powerLevels(version, state),
    joinRule: typeof rule === "string" ? rule : "invite",
    membership: (userId) => membershipIn(state, userId),
  });
}

/** The membership of a user in a state, `leave` without a member event. */
export function membershipIn(state: StateLookup, userId: string): string {
  const membership = own(state("m.room.member", userId)?.content ?? {}, "membership");
  return typeof membership === "string" ? membership : "leave";
}

/**
 * v8+: whatever the membership, the server of the authorising user must have signed. Whether that signature is good needs its keys, and
 * has been checked with the other signatures (`requiredSigners`).
 */
function checkAuthorisingSignature(version: RoomVersion, event: RoomEvent): Verdict | undefined {
  if (!version.auth.restrictedJoins) return undefined;
  const via = own(event.content, "join_authorised_via_users_server");
  if (via === undefined) return undefined;
  const domain = typeof via === "string" ? domainOf(via) : undefined;
  if (domain === undefined || signaturesBy(event.pdu, domain).size === 0) {
    return reject("member: not signed by the server of the authorising user");
  }
  return undefined;
}
