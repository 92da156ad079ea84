import { setTimeout as sleep } from "node:timers/promises";
import { hostOf } from "../../caches/memberships";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { getAccountData } from "../../storage/accountData";
import type { EventStreamRow } from "../../storage/events";
import { getUser } from "../../storage/users";
import { changeAccountData } from "../../writers/accountData";
import type { App } from "../app";
import { requesterFor } from "../requester";
import { changeMembership } from "./membership";

/** An invitation of a user of this server, as the events stream announces it. */
export type Invitation = EventStreamRow & { readonly stateKey: string };

export const isInvitationHere = ({ serverName }: Pick<App, "serverName">, row: EventStreamRow): row is Invitation =>
  row.membership === "invite" && row.stateKey !== null && hostOf(row.stateKey) === serverName;

/** Invitations from other servers may come before those let anybody in, so it is tried again after these pauses, as Synapse does. */
const PAUSES_MS = [0, 1_000, 2_000, 4_000, 8_000];

/**
 * Has the invited user join, where `auto_accept_invites` wants it, and marks a direct chat as one. An invitation that was answered meanwhile
 * is left alone, so it does no harm to come here twice, one after the other. A join that fails is logged, and the invitation stays.
 */
export async function acceptInvitation(app: App, invitation: Invitation, signal: AbortSignal): Promise<void> {
  const { roomId, stateKey: userId } = invitation;
  if (!(await isWanted(app, invitation)) || !(await isOpen(app, invitation))) return;
  if (await isDirect(app, invitation)) await markDirect(app, invitation);
  let failure: unknown;
  for (const pause of PAUSES_MS) {
    await sleep(pause, undefined, { signal });
    if (!(await isOpen(app, invitation))) return;
    try {
      return void (await changeMembership(app, requesterFor(userId), { roomId, target: userId, action: "join", exemptFromLimits: true }));
    } catch (error) {
      failure = error;
    }
  }
  app.log("synapse.events.auto_accept_invites").warn(`${userId} cannot accept the invitation to ${roomId}`, { error: failure });
}

const isDirect = async ({ caches }: App, { nid }: Invitation): Promise<boolean> =>
  own((await caches.events.byNids([nid])).get(nid)?.shown.content ?? {}, "is_direct") === true;

async function isWanted(app: App, invitation: Invitation): Promise<boolean> {
  const { only_for_direct_messages: onlyDirect, only_from_local_users: onlyLocal } = app.config.auto_accept_invites;
  if (onlyLocal && hostOf(invitation.sender) !== app.serverName) return false;
  if (onlyDirect && !(await isDirect(app, invitation))) return false;
  const user = await getUser(app.db, invitation.stateKey);
  return user !== undefined && !user.deactivated && !user.suspended && !user.locked;
}

async function isOpen({ caches }: App, { nid, roomNid, stateKey }: Invitation): Promise<boolean> {
  const place = (await caches.memberships.ofUser(stateKey)).get(roomNid);
  return place?.membership === "invite" && place.eventNid === nid;
}

/** Adds the room to the user's direct chats with who invited them (client-server API, "Direct Messaging"). */
async function markDirect(app: App, { stateKey: userId, sender, roomId }: Invitation): Promise<void> {
  const key = { userId, roomId: "", type: "m.direct" };
  const [stored] = await getAccountData(app.db, [key]);
  const parsed: unknown = stored && JSON.parse(stored.content);
  const direct: JsonObject = isJsonObject(parsed) ? parsed : {};
  const known = own(direct, sender);
  const rooms = Array.isArray(known) ? known : [];
  if (rooms.includes(roomId)) return;
  await app.rpc.call(changeAccountData, { kind: "set", ...key, content: JSON.stringify({ ...direct, [sender]: [...rooms, roomId] }) });
}
