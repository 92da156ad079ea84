import type { Config } from "../../config/config";
import type { App } from "../app";

/** Who speaks for the server; undefined where it has nothing to say (`server_notices`). */
export function noticeUser({ config, serverName }: { readonly config: Pick<Config, "server_notices">; readonly serverName: string }) {
  const { server_notices: settings } = config;
  return settings && `@${settings.system_mxid_localpart}:${serverName}`;
}

/** A room that the user is in or was invited to, and the system user too. Those that the user left are left alone. */
export async function noticeRoomOf(app: Pick<App, "caches">, system: string, userId: string): Promise<string | undefined> {
  const [own, theirs] = await Promise.all([app.caches.memberships.ofUser(system), app.caches.memberships.ofUser(userId)]);
  for (const [roomNid, { roomId, membership }] of theirs) {
    if ((membership === "join" || membership === "invite") && own.get(roomNid)?.membership === "join") return roomId;
  }
  return undefined;
}
