import type { StoredEvent } from "../../caches/events";
import { type PackedMap, emptyPackedMap, packedGet, packedWith, packedWithout } from "../../lib/packedMap";
import type { App } from "../app";

/** The state of the room before an event that has a place in its history. */
export async function stateBefore(app: Pick<App, "caches">, { row }: StoredEvent): Promise<PackedMap> {
  if (row.stateGroup === null) return emptyPackedMap;
  const state = await app.caches.roomState.group(row.stateGroup);
  if (row.stateKey === null) return state;
  const [key] = await app.caches.stateKeys.find([[row.type, row.stateKey]]);
  // A rejected event did not get into the state.
  if (key === undefined || packedGet(state, key) !== row.nid) return state;
  return row.replacesNid === null ? packedWithout(state, key) : packedWith(state, key, row.replacesNid);
}
