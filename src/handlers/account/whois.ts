import { forbidden } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { getSeen } from "../../storage/lastSeen";
import { checkOwn } from "../admin/targets";
import type { AccountsApp } from "../auth/accounts";
import type { Requester } from "../requester";

/**
 * GET /admin/whois: from where a user is connected. As in Synapse, whatever the device: readers look under "" for all of it. For oneself and
 * for administrators; throws 403 for others.
 */
export async function whois(app: AccountsApp, requester: Requester, userId: string): Promise<JsonObject> {
  if (userId !== requester.userId && !requester.isAdmin) throw forbidden("You are not a server admin");
  checkOwn(app, userId, "Can only whois a local user");
  await app.accounts.seen.flush();
  const seen = await getSeen(app.db, userId);
  const connections = seen.map(({ ip, userAgent, lastSeenTs }) => ({ ip, last_seen: lastSeenTs, user_agent: userAgent }));
  return { user_id: userId, devices: { "": { sessions: [{ connections }] } } };
}
