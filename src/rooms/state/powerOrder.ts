import { own } from "../../lib/json";
import { levelsFrom } from "../auth/levels";
import type { RoomEvent } from "../event";
import { type Reader, type Steps, every } from "./context";
import { Heap } from "./heap";

const EVENTS_PER_SLICE = 500;

/** Whether an event might take somebody's power away (specification: rooms/v2, "Power events"). With a state key of its own it has no effect. */
export function isPowerEvent({ type, stateKey, sender, content }: RoomEvent): boolean {
  if (type === "m.room.power_levels" || type === "m.room.join_rules" || type === "m.room.create") return stateKey === "";
  if (type !== "m.room.member" || stateKey === sender) return false;
  const membership = own(content, "membership");
  return membership === "leave" || membership === "ban";
}

/**
 * The power events of a set and what they rest on, in reverse topological power ordering. As other servers do it, a chain is followed
 * only as long as it stays inside the set.
 */
export function* powerOrder(reader: Reader, events: ReadonlyMap<string, RoomEvent>): Steps<RoomEvent[]> {
  const graph = powerGraph(events);
  const due = every(EVENTS_PER_SLICE);
  const levels = new Map<string, number>();
  for (const eventId of graph.keys()) {
    const event = events.get(eventId);
    if (event) levels.set(eventId, senderLevel(reader, event));
    if (due()) yield;
  }
  if (reader.missing.size > 0) return null;
  return sorted(graph, events, (a, b) => {
    const levelA = levels.get(a.eventId) ?? 0;
    const levelB = levels.get(b.eventId) ?? 0;
    if (levelA !== levelB) return levelA > levelB ? -1 : 1;
    return byAge(a, b);
  });
}

/** Earlier first, then by event id. */
export function byAge(a: RoomEvent, b: RoomEvent): number {
  return a.originServerTs - b.originServerTs || (a.eventId < b.eventId ? -1 : a.eventId > b.eventId ? 1 : 0);
}

/** From each event to those of the set that it cites. */
function powerGraph(events: ReadonlyMap<string, RoomEvent>): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  const stack = [...events.values()].filter(isPowerEvent).map(({ eventId }) => eventId);
  for (let eventId = stack.pop(); eventId !== undefined; eventId = stack.pop()) {
    if (graph.has(eventId)) continue;
    const cited = (events.get(eventId)?.authEvents ?? []).filter((auth) => events.has(auth));
    graph.set(eventId, [...new Set(cited)]);
    stack.push(...cited);
  }
  return graph;
}

/** The level of the sender by the event's own auth events. */
function senderLevel(reader: Reader, event: RoomEvent): number {
  const levels = reader.cited(event, "m.room.power_levels", "");
  const create = levels && !event.version.auth.creatorPower ? undefined : reader.createOf(event);
  return levelsFrom(event.version, levels, create).userLevel(event.sender);
}

/** Kahn's algorithm: of the events whose cited events are all out already, the smallest comes next. */
function sorted(
  graph: ReadonlyMap<string, readonly string[]>,
  events: ReadonlyMap<string, RoomEvent>,
  compare: (a: RoomEvent, b: RoomEvent) => number,
): RoomEvent[] {
  const waitingFor = new Map<string, number>();
  const citedBy = new Map<string, string[]>();
  const ready = new Heap(compare);
  for (const [eventId, cited] of graph) {
    waitingFor.set(eventId, cited.length);
    for (const auth of cited) {
      const citing = citedBy.get(auth);
      if (citing) citing.push(eventId);
      else citedBy.set(auth, [eventId]);
    }
    const event = events.get(eventId);
    if (event && cited.length === 0) ready.push(event);
  }
  const order: RoomEvent[] = [];
  for (let event = ready.pop(); event; event = ready.pop()) {
    order.push(event);
    for (const citing of citedBy.get(event.eventId) ?? []) {
      const left = (waitingFor.get(citing) ?? 0) - 1;
      waitingFor.set(citing, left);
      const next = left === 0 ? events.get(citing) : undefined;
      if (next) ready.push(next);
    }
  }
  return order;
}
