import type { RoomEvent } from "../event";
import { type Reader, type Steps, every } from "./context";
import { Heap } from "./heap";
import { byAge } from "./powerOrder";

const EVENTS_PER_SLICE = 1_000;

/** Events in the mainline ordering based on a power levels event (specification: rooms/v2, "Mainline ordering"). */
export function* mainlineOrder(reader: Reader, events: readonly RoomEvent[], powerLevels: RoomEvent | undefined): Steps<RoomEvent[]> {
  const due = every(EVENTS_PER_SLICE);
  const positions = new Map<string, number>();
  for (let levels = powerLevels, index = 0; levels && !positions.has(levels.eventId); levels = levelsBehind(reader, levels), index++) {
    positions.set(levels.eventId, index);
    if (due()) yield;
  }
  // A heap instead of a sort, which could not pause.
  const placed = new Heap<Placed>((a, b) => (a.position === b.position ? byAge(a.event, b.event) : a.position > b.position ? -1 : 1));
  for (const event of events) {
    placed.push({ event, position: positionOf(reader, event, positions) });
    if (due()) yield;
  }
  if (reader.missing.size > 0) return null;
  const ordered: RoomEvent[] = [];
  for (let next = placed.pop(); next; next = placed.pop()) {
    ordered.push(next.event);
    if (due()) yield;
  }
  return ordered;
}

interface Placed {
  readonly event: RoomEvent;
  readonly position: number;
}

/** The index of the first power levels event behind this one that is in the mainline; infinity without any. Remembers what it finds. */
function positionOf(reader: Reader, event: RoomEvent, positions: Map<string, number>): number {
  const passed = new Set<string>();
  let position = Infinity;
  for (let levels = levelsBehind(reader, event); levels && !passed.has(levels.eventId); levels = levelsBehind(reader, levels)) {
    const known = positions.get(levels.eventId);
    if (known !== undefined) {
      position = known;
      break;
    }
    passed.add(levels.eventId);
  }
  for (const eventId of passed) positions.set(eventId, position);
  return position;
}

const levelsBehind = (reader: Reader, event: RoomEvent): RoomEvent | undefined => reader.cited(event, "m.room.power_levels", "");
