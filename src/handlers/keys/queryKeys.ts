import { hostOf } from "../../caches/memberships";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { Requester } from "../requester";
import { askEach } from "./eachServer";
import { queryOwnUsers } from "./query";
import type { DevicesWanted, FoundKeys } from "./query";
import { queryRemoteUsers } from "./queryRemote";
import type { RemoteListsApp } from "./remoteLists";
import { patience } from "./remoteUsers";

/** POST /keys/query: keys of devices and cross-signing keys of users here and elsewhere. */
export async function queryKeys(
  app: RemoteListsApp,
  requester: Requester,
  wanted: DevicesWanted,
  timeout: number | undefined,
): Promise<JsonObject> {
  const { own: ours, others } = byServer(app.serverName, wanted);
  const [here, elsewhere] = await Promise.all([
    queryOwnUsers(app, ours, { userId: requester.userId, showNames: true }),
    askEach(app.clock, others, patience(timeout), (host, users, timeoutMs) =>
      queryRemoteUsers(app, host, users, { viewer: requester.userId, timeoutMs }),
    ),
  ]);
  return { ...fieldsOf([here, ...elsewhere.results]), failures: elsewhere.failures };
}

/** Users by where they are. */
export function byServer(
  serverName: string,
  wanted: DevicesWanted,
): { own: Map<string, readonly string[]>; others: Map<string, Map<string, readonly string[]>> } {
  const here = new Map<string, readonly string[]>();
  const others = new Map<string, Map<string, readonly string[]>>();
  for (const [userId, devices] of wanted) {
    const host = hostOf(userId);
    if (host === serverName) here.set(userId, devices);
    else others.set(host, (others.get(host) ?? new Map<string, readonly string[]>()).set(userId, devices));
  }
  return { own: here, others };
}

function fieldsOf(parts: readonly FoundKeys[]): JsonObject {
  const merged = (pick: (part: FoundKeys) => ReadonlyMap<string, JsonValue>): JsonObject =>
    Object.fromEntries(parts.flatMap((part) => [...pick(part)]));
  return {
    device_keys: merged((part) => part.deviceKeys),
    master_keys: merged((part) => part.masterKeys),
    self_signing_keys: merged((part) => part.selfSigningKeys),
    user_signing_keys: merged((part) => part.userSigningKeys),
  };
}
