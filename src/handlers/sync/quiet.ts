import type { UserRoom } from "../../caches/memberships";
import { formatToken } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import type { App } from "../app";
import { keyCountFields, keyCountsOf } from "../keys/counts";
import type { Requester } from "../requester";
import { isInboxEmpty } from "../toDevice";
import type { Tree } from "./roomSections";

/** What a client has seen, and where the streams stand now. */
export interface Stretch {
  readonly since: StreamToken;
  readonly now: StreamToken;
}

/**
 * Whether surely nothing happened that concerns the user. Clients mostly come back at once with the token they were given, and then there
 * is nothing to look for: this asks memory alone, in one turn, and says no wherever it cannot be sure. `places` are read in the same turn
 * as `now`.
 */
export function isQuiet(
  app: App,
  { userId, deviceId }: Requester,
  places: ReadonlyMap<number, UserRoom>,
  filter: SyncFilter,
  { since, now }: Stretch,
): boolean {
  const { accountDataChanges, presence } = app.userData;
  return (
    since.push_rules === now.push_rules &&
    since.device_lists === now.device_lists &&
    since.un_partial_stated_room === now.un_partial_stated_room &&
    since.to_device <= now.to_device &&
    (deviceId === undefined || isInboxEmpty(app, { userId, deviceId }, now.to_device)) &&
    !accountDataChanges.maybeChanged(userId, since.account_data) &&
    (app.config.presence.enabled === false || filter.presence.blocksAll || presence.changedSince(since.presence)?.size === 0) &&
    areRoomsQuiet(app, places, { since, now })
  );
}

function areRoomsQuiet({ caches, userData }: App, places: ReadonlyMap<number, UserRoom>, { since, now }: Stretch): boolean {
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

/** What a sync says when there is nothing to say. */
export async function quietAnswer(app: Pick<App, "keys">, { userId, deviceId }: Requester, now: StreamToken): Promise<Tree> {
  return { next_batch: formatToken(now), ...keyCountFields(await keyCountsOf(app, userId, deviceId)) };
}
