import { forbidden } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { getSeen } from "../../storage/lastSeen";
import type { AccountsApp } from "../auth/accounts";
import type { Requester } from "../requester";

/** GET /admin/whois: from where a user is connected, by device. For oneself and for administrators; throws 403 for others. */
export async function whois(app: AccountsApp, requester: Requester, userId: string): Promise<JsonObject> {
  if (userId !== requester.userId && !requester.isAdmin) throw forbidden("You are not a server admin");
  await app.accounts.seen.flush();
  const connections = new Map<string, JsonObject[]>();
  for (const { deviceId, ip, userAgent, lastSeenTs } of await getSeen(app.db, userId)) {
    const own = connections.get(deviceId) ?? [];
    own.push({ ip, last_seen: lastSeenTs, user_agent: userAgent });
    connections.set(deviceId, own);
  }
  const devices = Object.fromEntries(Array.from(connections, ([deviceId, list]) => [deviceId, { sessions: [{ connections: list }] }]));
  return { user_id: userId, devices };
}
