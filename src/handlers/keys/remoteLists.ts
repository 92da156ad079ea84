import { hostOf } from "../../caches/memberships";
import { MatrixError } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { waitAtMost } from "../../lib/waitAtMost";
import { fitsId } from "../../rooms/ids";
import { putCrossSigningKeys } from "../../storage/crossSigning";
import type { CrossSigningKeyRow } from "../../storage/crossSigning";
import { beginRemoteList, holdRemoteList, replaceRemoteList, staleRemoteLists } from "../../storage/remoteDevices";
import type { RemoteDevice } from "../../storage/remoteDevices";
import { eventsStream } from "../../streams/events";
import { changeAccounts } from "../../writers/accountChanges";
import type { App } from "../app";
import { readCrossSigningKey } from "./crossSigning";
import { keyText } from "./parse";
import { askDevices } from "./remoteUsers";

export type RemoteListsApp = Pick<App, "clock" | "db" | "streams" | "caches" | "federation" | "serverName" | "background" | "keys">;

const MAX_DEVICES = 10_000;
const MAX_NAME = 100;
const AT_A_TIME = 10;
/** More than these wait for their turn in the regular round. */
const MAX_RESYNCS = 200;

/** Of the users those who are in a room that this server knows. */
export async function whoIsInRooms({ caches }: Pick<App, "caches">, userIds: readonly string[]): Promise<string[]> {
  const places = await caches.memberships.ofUsers(userIds);
  return userIds.filter((userId) => [...(places.get(userId)?.values() ?? [])].some(({ membership }) => membership === "join"));
}

/**
 * Fetches the list of somebody in whose devices something changed, beside the request. Those who share a room with them are told once: when the
 * list is there, or when it cannot be had for now.
 */
export function resyncMissed(app: RemoteListsApp, userId: string): void {
  app.background("resync_device_lists", async () => {
    if (await tryResync(app, userId)) return;
    await changeAccounts(app, () => Promise.resolve({ value: undefined, devices: [{ userId, deviceId: "" }] }));
  });
}

/** Of so many users of one server whole lists are fetched while somebody waits; of more than that, one request for all of them is better. */
const MAX_AWAITED = 20;

/**
 * Fetches lists that are not kept yet of those users who share rooms with us, as far as that is done in time: then the next question need
 * not go out. What takes longer goes on behind. Answers of whom lists may be there now.
 */
export async function fetchLists(app: RemoteListsApp, userIds: readonly string[], timeoutMs: number): Promise<readonly string[]> {
  const inRooms = await whoIsInRooms(app, userIds);
  if (inRooms.length > MAX_AWAITED) app.background("resync_device_lists", () => resyncAll(app, inRooms.slice(0, MAX_RESYNCS)));
  if (inRooms.length === 0 || inRooms.length > MAX_AWAITED) return [];
  const work = resyncAll(app, inRooms);
  app.background("resync_device_lists", () => work);
  await waitAtMost(work, timeoutMs).catch(() => undefined);
  return inRooms;
}

/** The regular round: lists of which something was missed. */
export async function resyncStaleLists(app: RemoteListsApp): Promise<void> {
  await resyncAll(app, await staleRemoteLists(app.db, MAX_RESYNCS));
}

async function resyncAll(app: RemoteListsApp, userIds: readonly string[]): Promise<void> {
  const waiting = [...userIds];
  const work = async (): Promise<void> => {
    for (let userId = waiting.pop(); userId !== undefined; userId = waiting.pop()) {
      await tryResync(app, userId);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

/** Whether the list is there. Another server that cannot be reached, or answers nonsense, is asked again later. */
async function tryResync(app: RemoteListsApp, userId: string): Promise<boolean> {
  try {
    return await resync(app, userId);
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    return false;
  }
}

/** A list that changes faster than it can be fetched waits for the regular round. */
const MAX_ATTEMPTS = 3;

/**
 * Fetches the devices of a user of another server once, however many ask for it here; again, where updates were missed meanwhile. Gives whether
 * they are there.
 */
function resync(app: RemoteListsApp, userId: string): Promise<boolean> {
  const { resyncing } = app.keys;
  const running = resyncing.get(userId);
  if (running) return running;
  const work = fetchUntilStored(app, userId).finally(() => resyncing.delete(userId));
  resyncing.set(userId, work);
  return work;
}

async function fetchUntilStored(app: RemoteListsApp, userId: string): Promise<boolean> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) if ((await fetchList(app, userId)) === "stored") return true;
  return false;
}

/**
 * Server-server API, "Device Management". Whoever shares a room with the user is told when the list is there, as by Synapse: those who asked
 * before, when they heard that something had changed, may have got what was out of date, or nothing.
 */
async function fetchList(app: RemoteListsApp, userId: string): Promise<"stored" | "overtaken"> {
  const missed = await beginRemoteList(app.db, userId);
  const sharedAt = app.streams.position(eventsStream);
  const answer = readList(userId, await askDevices(app, hostOf(userId), userId));
  return changeAccounts(app, async (tx) => {
    const state = await holdRemoteList(tx, userId);
    if (state?.missed !== missed) return { value: "overtaken" as const };
    await replaceRemoteList(tx, { userId, streamId: answer.streamId, sharedAt }, answer.devices);
    const changed = await putCrossSigningKeys(tx, answer.crossSigning);
    const device = { userId, deviceId: "" };
    return { value: "stored" as const, devices: [changed.length > 0 ? { ...device, what: "cross_signing" as const } : device] };
  });
}

interface RemoteList {
  readonly streamId: number;
  readonly devices: readonly Omit<RemoteDevice, "userId">[];
  readonly crossSigning: readonly CrossSigningKeyRow[];
}

function readList(userId: string, answer: JsonObject): RemoteList {
  const [streamId, devices] = [own(answer, "stream_id"), own(answer, "devices")];
  if (!Number.isSafeInteger(streamId) || !Array.isArray(devices) || devices.length > MAX_DEVICES)
    throw new MatrixError(502, "M_UNKNOWN", "Another server answered with something else than devices");
  return {
    streamId: streamId as number,
    devices: devices.flatMap((device) => {
      if (!isJsonObject(device)) return [];
      const read = readRemoteDevice(userId, device);
      return read ? [read] : [];
    }),
    crossSigning: readRemoteKeys(userId, answer),
  };
}

/** One device of a list or update; undefined for what is none. */
export function readRemoteDevice(userId: string, device: JsonObject): Omit<RemoteDevice, "userId"> | undefined {
  const [deviceId, name, keys] = ["device_id", "device_display_name", "keys"].map((field) => own(device, field));
  if (typeof deviceId !== "string" || deviceId.length > 512 || deviceId.includes("\u0000")) return undefined;
  const isTheirs = isJsonObject(keys) && (own(keys, "user_id") ?? userId) === userId && (own(keys, "device_id") ?? deviceId) === deviceId;
  return {
    deviceId,
    displayName: typeof name === "string" ? name.replaceAll("\u0000", "").slice(0, MAX_NAME) : null,
    keys: isTheirs ? textOf(keys) : null,
  };
}

function textOf({ unsigned: _unsigned, ...keys }: JsonObject): string | null {
  try {
    return keyText(keys);
  } catch {
    return null;
  }
}

/** The cross-signing keys in a list or update, as far as they are right. */
export function readRemoteKeys(userId: string, holder: JsonObject): CrossSigningKeyRow[] {
  return (["master", "self_signing"] as const).flatMap((usage) => {
    const key: JsonValue | undefined = own(holder, `${usage}_key`);
    if (!isJsonObject(key) || !fitsId(userId)) return [];
    try {
      return [{ userId, usage, keys: keyText(readCrossSigningKey(userId, usage, key)) }];
    } catch (error) {
      if (error instanceof MatrixError) return [];
      throw error;
    }
  });
}
