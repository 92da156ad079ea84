import { hostOf } from "../../caches/memberships";
import { invalidParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { deviceListsStream } from "../../streams/deviceLists";
import type { App } from "../app";
import { claimOwnKeys } from "./claimKeys";
import type { KeyWanted } from "./claimKeys";
import { queryOwnUsers } from "./query";
import type { DevicesWanted } from "./query";

type ServeApp = Pick<App, "db" | "config" | "serverName">;

const viewerOf = ({ config }: ServeApp) => ({ userId: undefined, showNames: config.allow_device_name_lookup_over_federation === true });

const isOurs = (app: Pick<App, "serverName">, userId: string): boolean => hostOf(userId) === app.serverName;

/** `GET /user/devices`: all devices with keys of a user of ours, and how far the list has come. */
export async function serveDevices(app: ServeApp & Pick<App, "streams">, userId: string): Promise<JsonObject> {
  if (!isOurs(app, userId)) throw invalidParam("User is not hosted on this homeserver");
  // Before the list is read: what changes meanwhile is sent, and found to be there already.
  const streamId = app.streams.position(deviceListsStream);
  const found = await queryOwnUsers(app, new Map([[userId, []]]), viewerOf(app));
  const devices = Object.entries(found.deviceKeys.get(userId) ?? {}).map(([deviceId, keys]) => {
    const { unsigned, ...rest } = keys as JsonObject;
    const name = (unsigned as JsonObject | undefined)?.["device_display_name"];
    return { device_id: deviceId, keys: rest, ...(name !== undefined && { device_display_name: name }) };
  });
  const [master, selfSigning] = [found.masterKeys.get(userId), found.selfSigningKeys.get(userId)];
  return {
    user_id: userId,
    stream_id: streamId,
    devices,
    ...(master !== undefined && { master_key: master }),
    ...(selfSigning !== undefined && { self_signing_key: selfSigning }),
  };
}

/** `POST /user/keys/query`. Users who are not ours are passed over. */
export async function serveKeys(app: ServeApp, wanted: DevicesWanted): Promise<JsonObject> {
  const found = await queryOwnUsers(app, new Map([...wanted].filter(([userId]) => isOurs(app, userId))), viewerOf(app));
  return {
    device_keys: Object.fromEntries(found.deviceKeys),
    master_keys: Object.fromEntries(found.masterKeys),
    self_signing_keys: Object.fromEntries(found.selfSigningKeys),
  };
}

/** `POST /user/keys/claim`. */
export async function serveClaim(app: Pick<App, "keys" | "serverName">, wanted: readonly KeyWanted[]): Promise<JsonObject> {
  return {
    one_time_keys: await claimOwnKeys(
      app,
      wanted.filter(({ userId }) => isOurs(app, userId)),
    ),
  };
}
