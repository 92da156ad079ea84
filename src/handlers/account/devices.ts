import { forbidden, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { deleteAccessToken, deleteTokens } from "../../storage/accessTokens";
import { deleteDevices, getDevice, getDevices, renameDevice } from "../../storage/devices";
import type { DeviceRow } from "../../storage/devices";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";
import type { Requester } from "../requester";
import { tell } from "./hooks";
import { checkDevice, registerDevice } from "./sessions";

function describe(device: DeviceRow): JsonObject {
  return {
    device_id: device.deviceId,
    display_name: device.displayName,
    last_seen_ip: device.lastSeenIp,
    last_seen_ts: device.lastSeenTs,
    last_seen_user_agent: device.lastSeenUserAgent,
    user_id: device.userId,
  };
}

export async function listDevices(app: AccountsApp, userId: string): Promise<JsonObject[]> {
  return (await getDevices(app.db, [userId])).map(describe);
}

/** Throws 404 M_NOT_FOUND. */
export async function requireDevice(app: AccountsApp, userId: string, deviceId: string): Promise<JsonObject> {
  const device = await getDevice(app.db, userId, deviceId);
  if (!device) throw notFound("No device found");
  return describe(device);
}

/** Gives a device a name. Application services that may make devices make it so (MSC4190). Throws 404 M_NOT_FOUND. */
export async function updateDevice(
  app: AccountsApp,
  requester: Requester,
  deviceId: string,
  displayName: string | undefined,
): Promise<"made" | "updated"> {
  checkDevice(deviceId, displayName);
  const { userId } = requester;
  if (requester.appservice?.msc4190DeviceManagement && (await registerDevice(app, userId, deviceId, displayName))) return "made";
  if (displayName === undefined) {
    if (!(await getDevice(app.db, userId, deviceId))) throw notFound("No device found");
    return "updated";
  }
  const known = await changeAccounts(app, async (tx) => {
    const value = await renameDevice(tx, userId, deviceId, displayName);
    return { value, devices: value ? [{ userId, deviceId }] : [] };
  });
  if (!known) throw notFound("No device found");
  return "updated";
}

/** Removes devices with their tokens, and tells whoever keeps something of them. Unknown ids are passed over. */
export async function removeDevices(app: AccountsApp, userId: string, deviceIds: readonly string[]): Promise<void> {
  if (deviceIds.length === 0) return;
  const gone = await changeAccounts(app, async (tx) => {
    const [devices, tokens] = await Promise.all([deleteDevices(tx, userId, deviceIds), deleteTokens(tx, userId, { deviceIds })]);
    return {
      value: { devices, tokens },
      devices: devices.map((deviceId) => ({ userId, deviceId })),
      accounts: devices.length + tokens.length > 0 ? [{ userId, what: "tokens" as const }] : [],
    };
  });
  await tellOfRemoval(app, userId, gone);
}

/** Removes all devices and tokens of a user, except those of `keep`. */
export async function removeAllDevices(
  app: AccountsApp,
  userId: string,
  keep?: { readonly deviceId: string | undefined; readonly tokenId: number | undefined },
): Promise<void> {
  const gone = await changeAccounts(app, async (tx) => {
    const ids = (await getDevices(tx, [userId])).map((device) => device.deviceId).filter((id) => id !== keep?.deviceId);
    const [devices, tokens] = await Promise.all([
      deleteDevices(tx, userId, ids),
      deleteTokens(tx, userId, keep?.tokenId === undefined ? {} : { exceptTokenId: keep.tokenId }),
    ]);
    return {
      value: { devices, tokens },
      devices: devices.map((deviceId) => ({ userId, deviceId })),
      accounts: [{ userId, what: "tokens" as const }],
    };
  });
  await tellOfRemoval(app, userId, gone);
}

async function tellOfRemoval(
  app: AccountsApp,
  userId: string,
  gone: { readonly devices: readonly string[]; readonly tokens: readonly number[] },
): Promise<void> {
  const { listeners, onError } = app.accounts;
  await Promise.all([
    gone.devices.length > 0 && tell(onError, listeners.devicesDeleted, { userId, deviceIds: gone.devices }),
    gone.tokens.length > 0 && tell(onError, listeners.tokensDeleted, { userId, tokenIds: gone.tokens }),
  ]);
}

/** POST /logout: the token, and the device that it belongs to. */
export async function logout(app: AccountsApp, requester: Requester): Promise<void> {
  const { userId, deviceId, accessTokenId } = requester;
  if (accessTokenId === undefined) throw forbidden("Application services have no session to log out of");
  if (deviceId !== undefined) return removeDevices(app, userId, [deviceId]);
  await changeAccounts(app, async (tx) => {
    await deleteAccessToken(tx, accessTokenId);
    return { value: undefined, accounts: [{ userId, what: "tokens" as const }] };
  });
  await tell(app.accounts.onError, app.accounts.listeners.tokensDeleted, { userId, tokenIds: [accessTokenId] });
}
