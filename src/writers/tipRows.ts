import type { TipRow } from "../storage/rooms";
import type { BuiltOnTip } from "./buildOnTip";
import type { Placed } from "./pendingEvent";

/** The events of a room do not go on from where it stands: another process wrote to it, or one of them is not built on the one before. */
export class TipConflict extends Error {}

/** The newest of each room's tips, with the version that the database must have before it. Throws TipConflict where they do not follow each other. */
export function tipRows(events: readonly Placed[]): (TipRow & { readonly expected: number })[] {
  const rooms = new Map<number, { first: BuiltOnTip; last: BuiltOnTip; latestStream: number }>();
  for (const { pending, row } of events) {
    const { built } = pending;
    if (!built.movesTip) continue;
    const { first, last } = rooms.get(row.roomNid) ?? { first: built };
    if (last && last.tip.version !== built.before.version)
      throw new TipConflict("an event is built on another tip than the one before it made");
    rooms.set(row.roomNid, { first, last: built, latestStream: row.streamOrdering ?? 0 });
  }
  return [...rooms.values()].map(({ first, last, latestStream }) => ({
    roomNid: last.tip.room.nid,
    expected: first.before.version,
    tipVersion: last.tip.version,
    extremities: last.tip.extremities.map(({ nid }) => nid),
    depth: last.tip.depth,
    stateGroup: last.tip.group.id,
    latestStream,
  }));
}
