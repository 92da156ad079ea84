import type { UserRoom } from "../../caches/memberships";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import type { App } from "../app";
import { keyCountFields, keyCountsOf } from "../keys/counts";
import type { Requester } from "../requester";
import { isInboxEmpty } from "../toDevice";
import type { GlobalSections } from "./globalSections";

/** What a client has seen, and where the streams stand now. */
export interface Stretch {
  readonly since: StreamToken;
  readonly now: StreamToken;
}

/**
 * Whether surely nothing happened that concerns the user, but for rooms and what follows from their events. Clients mostly come back at once
 * with the token they were given, and then there is nothing to look for: this asks memory alone, in one turn, and says no wherever it cannot
 * be sure.
 */
export function isQuietBesideRooms(app: App, { userId, deviceId }: Requester, filter: SyncFilter, { since, now }: Stretch): boolean {
  const { accountDataChanges, presence } = app.userData;
  return (
    since.push_rules === now.push_rules &&
    since.device_lists === now.device_lists &&
    since.un_partial_stated_room === now.un_partial_stated_room &&
    since.to_device <= now.to_device &&
    (deviceId === undefined || isInboxEmpty(app, { userId, deviceId }, now.to_device)) &&
    !accountDataChanges.maybeChanged(userId, since.account_data) &&
    (app.config.presence.enabled === false || filter.presence.blocksAll || presence.changedSince(since.presence)?.size === 0)
  );
}

/** Whether surely nothing happened in the user's rooms, as above. `places` are read in the same turn as `now`. */
export function areRoomsQuiet({ caches, userData }: App, places: ReadonlyMap<number, UserRoom>, { since, now }: Stretch): boolean {
  const joined = new Set<string>();
  for (const { membership, roomId, roomNid, streamOrdering } of places.values()) {
    if (streamOrdering > since.events) return false;
    if (membership !== "join") continue;
    if (since.events < now.events && caches.tails.changedSince(roomNid, since.events) !== false) return false;
    if (since.receipts < now.receipts && userData.receipts.between(roomId, since.receipts, now.receipts)?.length !== 0) return false;
    joined.add(roomId);
  }
  return userData.typing.changedSince(joined, since.typing).length === 0;
}

/** Whether surely nobody came or went in the user's rooms: then nothing beside them follows from what happened there. */
export function haveSameMembers({ caches }: Pick<App, "caches">, places: ReadonlyMap<number, UserRoom>, { since, now }: Stretch): boolean {
  for (const { membership, roomNid, streamOrdering } of places.values()) {
    if (streamOrdering > since.events) return false;
    if (membership !== "join" || caches.tails.changedSince(roomNid, since.events) === false) continue;
    const news = caches.tails.between(roomNid, since.events, now.events);
    if (!news || news.some(({ type }) => type === "m.room.member")) return false;
  }
  return true;
}

/** What belongs to no room, where all is quiet. */
export async function quietSections(app: Pick<App, "keys">, { userId, deviceId }: Requester, now: StreamToken): Promise<GlobalSections> {
  const fields = keyCountFields(await keyCountsOf(app, userId, deviceId));
  return { fields, hasNews: false, toDevicePosition: now.to_device, roomAccountData: new Map() };
}
