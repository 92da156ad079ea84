import { MatrixError, invalidParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import type { Db } from "../../storage/db";
import { deletePushers, othersWithPushkey, pushersOfUsers, putPusher } from "../../storage/pushers";
import type { Pusher, PusherChange, PusherKey } from "../../storage/pushers";
import { getThreepidOwner } from "../../storage/threepids";
import type { StreamRow } from "../../storage/streamIds";
import { eventsStream } from "../../streams/events";
import { pushersStream } from "../../streams/pushers";
import type { App } from "../app";
import { hasFeature } from "../features";
import type { Requester } from "../requester";

export type PushersApp = Pick<App, "db" | "streams" | "clock" | "config">;

/** The body of POST /pushers/set with its types checked. */
export interface PusherRequest {
  readonly kind: string | null;
  readonly app_id: string;
  readonly pushkey: string;
  readonly app_display_name?: string | undefined;
  readonly device_display_name?: string | undefined;
  readonly profile_tag?: string | null | undefined;
  readonly lang?: string | undefined;
  readonly data?: JsonObject | undefined;
  readonly append?: boolean | undefined;
  readonly "org.matrix.msc3881.enabled"?: boolean | undefined;
}

const MAX_APP_ID = 64;
const MAX_PUSHKEY_BYTES = 512;
/** Where gateways listen (push gateway API). */
const GATEWAY_PATH = "/_matrix/push/v1/notify";

/** The pushers of a user as clients see them (client-server API, "GET /pushers"). */
export async function listPushers(app: Pick<App, "config" | "db">, userId: string): Promise<JsonObject> {
  const pushers = await pushersOfUsers(app.db, [userId]);
  const toggles = await hasFeature(app, userId, "msc3881");
  return { pushers: pushers.map((pusher) => ({ ...clientPusher(pusher), ...(toggles && toggleFields(pusher)) })) };
}

/** A pusher as clients see it. */
export function clientPusher(pusher: Pusher): JsonObject {
  return {
    app_display_name: pusher.appDisplayName,
    app_id: pusher.appId,
    data: pusher.data,
    device_display_name: pusher.deviceDisplayName,
    kind: pusher.kind,
    lang: pusher.lang,
    profile_tag: pusher.profileTag,
    pushkey: pusher.pushkey,
  };
}

/** With which other devices of the user find and switch it (MSC3881). */
function toggleFields({ enabled, deviceId }: Pusher): JsonObject {
  return { "org.matrix.msc3881.enabled": enabled, "org.matrix.msc3881.device_id": deviceId };
}

const configError = (message: string): MatrixError => new MatrixError(400, "M_MISSING_PARAM", `Config Error: ${message}`);

/** Sets a pusher, or deletes it when its kind is null. Without `append` it goes away from all other users. */
export async function setPusher(app: PushersApp, requester: Requester, request: PusherRequest): Promise<void> {
  const { userId } = requester;
  const { kind, app_id: appId, pushkey } = request;
  if (kind === null) return removePushers(app, [{ userId, appId, pushkey }]);
  const settings = requireSettings(request);
  if ([...appId].length > MAX_APP_ID) throw invalidParam(`app_id must be at most ${MAX_APP_ID} characters`);
  if (Buffer.byteLength(pushkey) > MAX_PUSHKEY_BYTES) throw invalidParam(`pushkey must be at most ${MAX_PUSHKEY_BYTES} bytes`);
  await checkKind(app, userId, kind, { pushkey, data: settings.data });
  const key = { userId, appId, pushkey };
  const toggles = await hasFeature(app, userId, "msc3881");
  await changePushers(app, async (tx) => {
    const others = request.append === true ? [] : await othersWithPushkey(tx, key);
    const gone = others.length > 0 ? await deletePushers(tx, pushersStream.lockKey, others) : [];
    const set = await putPusher(tx, pushersStream.lockKey, {
      ...key,
      ...settings,
      kind,
      profileTag: request.profile_tag ?? "",
      deviceId: requester.deviceId ?? null,
      createdTs: app.clock.now(),
      enabled: !toggles || request["org.matrix.msc3881.enabled"] !== false,
      lastStreamOrdering: app.streams.position(eventsStream),
    });
    return [...gone, ...set];
  });
}

function requireSettings(request: PusherRequest) {
  const { app_display_name: appDisplayName, device_display_name: deviceDisplayName, lang, data } = request;
  if (appDisplayName === undefined || deviceDisplayName === undefined || lang === undefined || data === undefined) {
    const missing = ["app_display_name", "device_display_name", "lang", "data"].filter(
      (key) => request[key as keyof PusherRequest] === undefined,
    );
    throw new MatrixError(400, "M_MISSING_PARAM", `Missing parameters: ${missing.join(", ")}`);
  }
  return { appDisplayName, deviceDisplayName, lang, data };
}

async function checkKind(app: PushersApp, userId: string, kind: string, pusher: { pushkey: string; data: JsonObject }): Promise<void> {
  if (kind === "http") return checkGateway(pusher.data);
  if (kind !== "email" || app.config.email?.enable_notifs !== true)
    throw configError(`pushers of kind ${JSON.stringify(kind)} are not supported`);
  // Mails go only where the user has shown to receive them.
  const owner = await getThreepidOwner(app.db, "email", pusher.pushkey.toLowerCase());
  if (owner !== userId) throw new MatrixError(400, "M_THREEPID_NOT_FOUND", "Email not found");
}

function checkGateway(data: JsonObject): void {
  const { url } = data;
  if (url === undefined) throw configError("'url' required in data for HTTP pusher");
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !["http:", "https:"].includes(parsed.protocol)) throw configError("'url' must be a HTTP URL");
  if (parsed.pathname !== GATEWAY_PATH) throw configError(`'url' must have a path of '${GATEWAY_PATH}'`);
}

/** Deletes pushers: on request, because their gateway rejected them, or with their user. */
export async function removePushers(app: Pick<App, "db" | "streams">, keys: readonly PusherKey[]): Promise<void> {
  await changePushers(app, (tx) => deletePushers(tx, pushersStream.lockKey, keys));
}

/** Deletes what devices of a user had set, or everything of the user: for logout and deactivation. */
export async function removePushersOfDevices(
  app: Pick<App, "db" | "streams">,
  userId: string,
  deviceIds: readonly string[] | "all",
): Promise<void> {
  const pushers = await pushersOfUsers(app.db, [userId]);
  const gone = pushers.filter(({ deviceId }) => deviceIds === "all" || (deviceId !== null && deviceIds.includes(deviceId)));
  if (gone.length > 0) await removePushers(app, gone);
}

async function changePushers(
  app: Pick<App, "db" | "streams">,
  change: (tx: Db) => Promise<readonly StreamRow<PusherChange>[]>,
): Promise<void> {
  const rows = await app.db.tx(change);
  if (rows.length > 0) app.streams.publish(pushersStream, rows);
}
