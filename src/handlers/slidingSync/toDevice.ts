import { invalidParam } from "../../errors";
import type { App } from "../app";
import { toDeviceSince } from "../toDevice";
import { silent } from "./extension";
import type { ExtensionResult, ExtensionsRequest } from "./extension";
import type { ToDeviceConfig } from "./request";

/** The position that a client gives back to acknowledge messages: it is apart from `pos`, as it outlives the sync loop. */
export function toDevicePosition({ since }: ToDeviceConfig): number {
  if (since === undefined || since === null) return 0;
  if (!/^\d{1,15}$/.test(since)) throw invalidParam("extensions.to_device.since is not a token");
  return Number(since);
}

/** The extension `to_device` (MSC3885). */
export async function toDeviceExtension(app: Pick<App, "db" | "userData">, request: ExtensionsRequest): Promise<ExtensionResult> {
  const config = request.request.extensions.to_device;
  const { userId, deviceId } = request.requester;
  if (!config?.enabled || deviceId === undefined) return silent;
  const { events, position } = await toDeviceSince(
    app,
    { userId, deviceId },
    toDevicePosition(config),
    request.now.to_device,
    config.limit ?? undefined,
  );
  const tree = { next_batch: String(position), ...(events.length > 0 && { events }) };
  return { ...silent, tree, hasNews: events.length > 0 };
}
