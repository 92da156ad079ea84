import type { RoomEvent } from "../event";
import type { RoomVersion } from "../versions";
import { authDifference, conflictedSubgraph } from "./authChain";
import { type Conflict, conflictedIds } from "./conflict";
import { type Reader, type Steps, every } from "./context";
import { type PartialState, entryOf, iterativeAuth } from "./iterativeAuth";
import { mainlineOrder } from "./mainline";
import { powerOrder } from "./powerOrder";
import { stateKeyOf } from "./stateMap";

const EVENTS_PER_SLICE = 5_000;
const NOTHING: ReadonlyMap<string, string> = new Map();

/** State resolution v2 and v2.1 (specification: rooms/v2 and rooms/v12, "State resolution"): the entries to add to the unconflicted ones. */
export function* resolveV2(version: RoomVersion, reader: Reader, conflict: Conflict): Steps<Map<string, string>> {
  const full = yield* fullConflictedSet(version, reader, conflict);
  const powerful = full && (yield* powerOrder(reader, full));
  if (!full || !powerful) return null;
  const start: PartialState = { base: version.stateResolution === "v2.1" ? NOTHING : conflict.unconflicted, entries: new Map() };
  const partial = yield* iterativeAuth(reader, start, powerful);
  if (!partial) return null;
  const rest = new Map(full);
  for (const { eventId } of powerful) rest.delete(eventId);
  const levelsId = entryOf(partial, stateKeyOf("m.room.power_levels", ""));
  const levels = levelsId === undefined ? undefined : reader.event(levelsId);
  const ordered = yield* mainlineOrder(reader, [...rest.values()], levels);
  const complete = ordered && (yield* iterativeAuth(reader, partial, ordered));
  return complete && withoutUnconflicted(complete.entries, conflict);
}

function* fullConflictedSet(version: RoomVersion, reader: Reader, conflict: Conflict): Steps<Map<string, RoomEvent>> {
  const ids = conflictedIds(conflict);
  const difference = conflict.authDifference ?? (yield* authDifference(reader, conflict));
  const subgraph = version.stateResolution === "v2.1" ? yield* conflictedSubgraph(reader, ids) : NOTHING.keys();
  if (!difference || !subgraph) return null;
  const due = every(EVENTS_PER_SLICE);
  const full = new Map<string, RoomEvent>();
  for (const eventId of new Set([...ids, ...difference, ...subgraph])) {
    const event = reader.event(eventId);
    if (event) full.set(eventId, event);
    if (due()) yield;
  }
  return reader.missing.size > 0 ? null : full;
}

/** The unconflicted state always has the last word. */
function withoutUnconflicted(entries: Map<string, string>, { unconflicted }: Conflict): Map<string, string> {
  for (const key of entries.keys()) if (unconflicted.get(key) !== undefined) entries.delete(key);
  return entries;
}
