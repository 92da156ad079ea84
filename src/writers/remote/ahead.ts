import type { Caches } from "../../caches/caches";
import type { EventReader } from "../../caches/events";
import { pickFrom } from "../../caches/roomState";
import type { RoomState } from "../../caches/roomState";
import type { StateGroup } from "../../caches/stateGroups";
import type { Ahead } from "../unstored";
import { withAhead } from "../withAhead";

/** What building on events of other servers reads. */
export type RemoteCaches = Pick<Caches, "rooms" | "stateKeys" | "memberships" | "partialRooms" | "events"> & {
  readonly stateGroups: Pick<Caches["stateGroups"], "load" | "loadMany">;
  readonly roomState: Pick<RoomState, "pick" | "group">;
};

/** The caches as they will be once all that is on its way to the disk is stored: for events that rest on it. */
export function cachesAhead(caches: Caches, ahead: Ahead): RemoteCaches {
  const byNids: EventReader["byNids"] = (nids) => withAhead(nids, ahead.byNid, caches.events.byNids);
  const byIds: EventReader["byIds"] = (ids) => withAhead(ids, ahead.byId, caches.events.byIds);
  const loadMany = (ids: readonly number[]): Promise<Map<number, StateGroup>> =>
    withAhead(ids, ahead.groups, (others) => caches.stateGroups.loadMany(others));
  const load = async (id: number): Promise<StateGroup | undefined> => (await loadMany([id])).get(id);
  const { rooms, stateKeys, memberships, partialRooms } = caches;
  return {
    rooms,
    stateKeys,
    memberships,
    partialRooms,
    events: {
      ...caches.events,
      byNids,
      byIds,
      async nidsOf(ids) {
        // Taken before the others are read, as in withAhead.
        const unstored = ids.flatMap((id) => ahead.byId.get(id)?.row ?? []);
        const found = await caches.events.nidsOf(ids);
        for (const { eventId, nid } of unstored) found.set(eventId, { nid });
        return found;
      },
      cached: (nid) => ahead.byNid.get(nid) ?? caches.events.cached(nid),
      byId: async (id) => ahead.byId.get(id) ?? caches.events.byId(id),
      isCached: (id) => ahead.byId.has(id) || caches.events.isCached(id),
    },
    stateGroups: { load, loadMany },
    roomState: {
      pick: (state, pairs) => pickFrom(stateKeys, { byNids }, state, pairs),
      group: async (id) => ahead.groups.get(id)?.state ?? caches.roomState.group(id),
    },
  };
}
