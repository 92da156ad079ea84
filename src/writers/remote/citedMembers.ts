import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { storedGroup } from "../../caches/stateGroups";
import { packedGet, packedMapOf, packedMerge } from "../../lib/packedMap";
import type { GroupToStore, RemoteBuildDeps } from "./remoteBuild";

/**
 * While most members of a room are still to come, those that an event cites are taken for members before it (MSC3902, "Receiving events
 * over federation"): the event can be judged then, and clients learn who sent it. Who is a member already stays what they are.
 */
export async function withCitedMembers(
  deps: RemoteBuildDeps,
  room: RoomInfo,
  before: GroupToStore,
  authEvents: readonly StoredEvent[],
): Promise<GroupToStore> {
  if (!(await deps.caches.partialRooms.has(room.nid))) return before;
  const cited = authEvents.filter(({ row }) => row.type === "m.room.member" && row.stateKey !== null && row.rejected === null);
  const keys = await deps.caches.stateKeys.intern(cited.map(({ row }) => [row.type, row.stateKey ?? ""]));
  const fresh = cited.flatMap(({ row }, i) => {
    const key = keys[i];
    return key === undefined || packedGet(before.group.state, key) !== undefined ? [] : [{ key, nid: row.nid }];
  });
  if (fresh.length === 0) return before;
  const delta = packedMapOf(
    fresh.map(({ key }) => key),
    fresh.map(({ nid }) => nid),
  );
  const [id = 0] = await deps.groupIds.take(1);
  const { group, row } = storedGroup(id, room.nid, before.group, { state: packedMerge(before.group.state, delta), delta });
  return { group, rows: [...before.rows, row] };
}
