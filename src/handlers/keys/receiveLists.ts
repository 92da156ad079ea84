import { hostOf } from "../../caches/memberships";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { isUserId } from "../../rooms/ids";
import { putCrossSigningKeys } from "../../storage/crossSigning";
import { beginRemoteList, changeRemoteDevice, holdRemoteList, markRemoteListStale } from "../../storage/remoteDevices";
import { changeAccounts } from "../../writers/accountChanges";
import { readRemoteDevice, readRemoteKeys, resyncMissed, whoIsInRooms } from "./remoteLists";
import type { RemoteListsApp } from "./remoteLists";

/** The user that an EDU is about, if the server may speak for them and they are in a room here. */
async function subjectOf(app: RemoteListsApp, origin: string, content: JsonObject): Promise<string | undefined> {
  const userId = own(content, "user_id");
  if (typeof userId !== "string" || !isUserId(userId) || hostOf(userId) !== origin) return undefined;
  return (await whoIsInRooms(app, [userId]))[0];
}

/**
 * m.device_list_update (server-server API, "Device Management"): one device of a user changed, of which those who share rooms with the user are
 * told. An update that does not follow what we have shows that something was missed; the list is fetched then, and they are told once it is there.
 */
export async function receiveDeviceListUpdate(app: RemoteListsApp, origin: string, content: JsonObject): Promise<void> {
  const userId = await subjectOf(app, origin, content);
  const device = userId === undefined ? undefined : readRemoteDevice(userId, content);
  if (userId === undefined || !device) return;
  const [streamId, prevIds] = [own(content, "stream_id"), own(content, "prev_id")];
  const previous = Array.isArray(prevIds) ? prevIds : [];
  const outcome = await changeAccounts(app, async (tx) => {
    const state = await holdRemoteList(tx, userId);
    if (!state) {
      // So that the regular round fetches it, should this process end before.
      await beginRemoteList(tx, userId);
      return { value: "missed" as const };
    }
    if (typeof streamId === "number" && streamId <= state.streamId && !state.stale) return { value: "known" as const };
    const follows = previous.length > 0 && previous.every((id) => typeof id === "number" && id <= state.streamId);
    if (state.stale || !follows || typeof streamId !== "number" || !Number.isSafeInteger(streamId)) {
      await markRemoteListStale(tx, userId);
      return { value: "missed" as const };
    }
    const gone = own(content, "deleted") === true;
    await changeRemoteDevice(tx, { userId, ...device, keys: gone ? null : device.keys }, streamId);
    return { value: "applied" as const, devices: [{ userId, deviceId: device.deviceId }] };
  });
  if (outcome === "missed") resyncMissed(app, userId);
}

/** m.signing_key_update: the cross-signing keys of a user changed. */
export async function receiveSigningKeyUpdate(app: RemoteListsApp, origin: string, content: JsonObject): Promise<void> {
  const userId = await subjectOf(app, origin, content);
  if (userId === undefined) return;
  const rows = readRemoteKeys(userId, content);
  if (rows.length === 0) return;
  await changeAccounts(app, async (tx) => {
    await putCrossSigningKeys(tx, rows);
    return { value: undefined, devices: [{ userId, deviceId: "", what: "cross_signing" as const }] };
  });
}
