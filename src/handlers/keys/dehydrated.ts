import { forbidden, invalidParam, missingParam, notFound, unrecognized } from "../../errors";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { JsonText } from "../../lib/jsonText";
import { getDehydratedDevice, putDehydratedDevice } from "../../storage/dehydratedDevices";
import { holdDevice, insertDevice } from "../../storage/devices";
import { holdUser } from "../../storage/users";
import { toDeviceMessages } from "../../storage/toDevice";
import { toDeviceStream } from "../../streams/toDevice";
import { changeAccounts } from "../../writers/accountChanges";
import { removeDevices } from "../account/devices";
import { checkDevice } from "../account/sessions";
import type { AccountsApp } from "../auth/accounts";
import { readUpload, storeUpload } from "./upload";

/** Messages of one answer. */
const MAX_MESSAGES = 100;

function checkEnabled({ config }: Pick<AccountsApp, "config">): void {
  if (!config.experimental_features.msc3814_enabled) throw unrecognized();
}

/** The user's dehydrated device (MSC3814). Throws 404 where there is none. */
export async function readDehydrated(app: AccountsApp, userId: string): Promise<object> {
  checkEnabled(app);
  const device = await getDehydratedDevice(app.db, userId);
  if (!device) throw notFound("No dehydrated device available");
  return { device_id: device.deviceId, device_data: new JsonText(device.deviceData) };
}

/** Makes a dehydrated device with its keys; the one before is deleted. Gives its id. */
export async function putDehydrated(app: AccountsApp, userId: string, body: JsonObject): Promise<string> {
  checkEnabled(app);
  const field = (name: string) => own(body, name);
  const [deviceId, deviceData, deviceKeys] = [field("device_id"), field("device_data"), field("device_keys")];
  if (typeof deviceId !== "string") throw missingParam("device_id is required");
  if (deviceData === undefined || deviceKeys === undefined) throw missingParam("device_data and device_keys are required");
  const name = field("initial_device_display_name");
  const displayName = typeof name === "string" ? name : undefined;
  checkDevice(deviceId, displayName);
  if (deviceId.includes("\u0000")) throw invalidParam("device_id has no NUL");
  const device = { userId, deviceId };
  const keys = readUpload(device, { deviceKeys, oneTimeKeys: field("one_time_keys"), fallbackKeys: field("fallback_keys") });
  const before = await changeAccounts(app, async (tx) => {
    await holdUser(tx, userId);
    const old = await getDehydratedDevice(tx, userId);
    // A device that somebody uses is none that could be put to sleep.
    if (old?.deviceId !== deviceId && (await holdDevice(tx, userId, deviceId))) throw forbidden("There is such a device already");
    await insertDevice(tx, { userId, deviceId, displayName, createdTs: app.clock.now() });
    await putDehydratedDevice(tx, userId, { deviceId, deviceData: JSON.stringify(deviceData) });
    await storeUpload(tx, device, keys);
    return { value: old?.deviceId, devices: [device, { ...device, what: "counts" as const, audience: userId }] };
  });
  if (before !== undefined && before !== deviceId) await removeDevices(app, userId, [before]);
  return deviceId;
}

/** Deletes it with all that is its. Throws 404 where there is none. */
export async function deleteDehydrated(app: AccountsApp, userId: string): Promise<string> {
  checkEnabled(app);
  const device = await getDehydratedDevice(app.db, userId);
  if (!device) throw notFound("No dehydrated device available");
  await removeDevices(app, userId, [device.deviceId]);
  return device.deviceId;
}

/** What was sent to the dehydrated device, a page at a time. It stays until the device is deleted. */
export async function dehydratedEvents(app: AccountsApp, userId: string, deviceId: string, nextBatch: string | undefined): Promise<object> {
  checkEnabled(app);
  const device = await getDehydratedDevice(app.db, userId);
  if (device?.deviceId !== deviceId) throw forbidden("You may only fetch messages for your dehydrated device");
  if (nextBatch !== undefined && !/^d\d{1,15}$/.test(nextBatch)) throw invalidParam("Invalid next_batch");
  const from = nextBatch === undefined ? 0 : Number(nextBatch.slice(1));
  const to = app.streams.position(toDeviceStream);
  const messages = await toDeviceMessages(app.db, { userId, deviceId }, { from, to, limit: MAX_MESSAGES });
  const last = messages.at(-1)?.streamId ?? from;
  return { events: messages.map(({ message }) => new JsonText(message)), next_batch: `d${last}` };
}
