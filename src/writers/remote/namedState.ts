import type { Caches } from "../../caches/caches";
import type { RoomInfo } from "../../caches/rooms";
import { packedMapOf } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import type { Db } from "../../storage/db";
import { stateEntries } from "../../storage/partialRooms";
import { pairKey } from "../buildOnTip";

/** Events that are looked up at once. */
const PAGE = 5_000;

/** The state that the named events make: those of them that are stored and may stand in one; of several for one place the last. */
export async function namedState(
  { db, caches }: { readonly db: Db; readonly caches: Pick<Caches, "stateKeys"> },
  room: RoomInfo,
  eventIds: readonly string[],
): Promise<PackedMap> {
  const latest = new Map<string, { readonly nid: number; readonly type: string; readonly stateKey: string }>();
  for (let i = 0; i < eventIds.length; i += PAGE) {
    const page = eventIds.slice(i, i + PAGE);
    const entries = new Map((await stateEntries(db, room.nid, page)).map((entry) => [entry.eventId, entry]));
    for (const id of page) {
      const entry = entries.get(id);
      if (entry) latest.set(pairKey(entry.type, entry.stateKey), entry);
    }
  }
  const chosen = [...latest.values()];
  const keys = await caches.stateKeys.intern(chosen.map(({ type, stateKey }) => [type, stateKey]));
  return packedMapOf(
    keys,
    chosen.map(({ nid }) => nid),
  );
}
