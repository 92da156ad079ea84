import type { JsonObject } from "../../lib/json";
import { listDevices, removeDevices, requireDevice, updateDevice } from "../account/devices";
import { registerDevice } from "../account/sessions";
import type { App } from "../app";
import { requesterFor } from "../requester";
import { requireOwn } from "./targets";

const messages = { foreign: "Can only lookup local users", unknown: "Unknown user" };

/** `GET /v2/users/{userId}/devices`. */
export async function readDevicesOf(app: App, userId: string): Promise<{ devices: JsonObject[]; total: number }> {
  await requireOwn(app, userId, messages);
  await app.accounts.seen.flush();
  const devices = await listDevices(app, userId);
  return { devices, total: devices.length };
}

/** Makes a device of a user, without logging in. One that is there stays as it is. */
export async function makeDeviceOf(app: App, userId: string, deviceId: string): Promise<void> {
  await requireOwn(app, userId, messages);
  await registerDevice(app, userId, deviceId);
}

export async function readDeviceOf(app: App, userId: string, deviceId: string): Promise<JsonObject> {
  await requireOwn(app, userId, messages);
  await app.accounts.seen.flush();
  return requireDevice(app, userId, deviceId);
}

export async function renameDeviceOf(app: App, userId: string, deviceId: string, name: string | undefined): Promise<void> {
  await requireOwn(app, userId, messages);
  await updateDevice(app, requesterFor(userId), deviceId, name);
}

/** Logs devices of a user out. Those that are not there are passed over. */
export async function removeDevicesOf(app: App, userId: string, deviceIds: readonly string[]): Promise<void> {
  await requireOwn(app, userId, messages);
  await removeDevices(app, userId, deviceIds);
}
