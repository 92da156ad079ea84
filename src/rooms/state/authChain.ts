import { type Conflict, conflictedIds } from "./conflict";
import { type Reader, type Steps, every } from "./context";
import { stateKeyOf } from "./stateMap";

const EDGES_PER_SLICE = 4_000;

/** Adds these events and all that they rest on to `seen`, as far as events are loaded. */
function* walk(reader: Reader, starts: Iterable<string>, seen: Set<string>): Generator<void, void> {
  const due = every(EDGES_PER_SLICE);
  for (const start of starts) {
    const stack = [start];
    for (let eventId = stack.pop(); eventId !== undefined; eventId = stack.pop()) {
      if (seen.has(eventId)) continue;
      seen.add(eventId);
      if (due()) yield;
      stack.push(...reader.authEventIds(eventId));
    }
  }
}

/**
 * The auth difference without the conflicted events, which are in the full conflicted set anyway. A state set's own events count as part
 * of its chain: the text of the specification leaves them out, but Synapse and others keep them in, and servers must agree. What all sets
 * share therefore rests on common ground, and is walked only when something hangs in the balance.
 */
export function* authDifference(reader: Reader, conflict: Conflict): Steps<Set<string>> {
  const reached = new Map<string, number>();
  for (const set of conflict.conflicted) {
    const chain = new Set<string>();
    yield* walk(reader, set.values(), chain);
    for (const eventId of chain) reached.set(eventId, (reached.get(eventId) ?? 0) + 1);
  }
  if (reader.missing.size > 0) return null;
  const conflicted = conflictedIds(conflict);
  const partial = new Set<string>();
  for (const [eventId, count] of reached) {
    if (count < conflict.conflicted.length && !conflicted.has(eventId)) partial.add(eventId);
  }
  yield* removeCommon(reader, conflict, partial);
  return reader.missing.size > 0 ? null : partial;
}

/** Takes out of `partial` what lies in the chains of the unconflicted state. */
function* removeCommon(reader: Reader, { unconflicted }: Conflict, partial: Set<string>): Generator<void, void> {
  if (partial.size === 0) return;
  // Nearly always the present event of the same key rests on the older one, and the rest of the state need not be looked at.
  const common = new Set<string>();
  const successors = new Set<string>();
  for (const eventId of partial) {
    const event = reader.event(eventId);
    const current = event?.stateKey === undefined ? undefined : unconflicted.get(stateKeyOf(event.type, event.stateKey));
    if (current !== undefined) successors.add(current);
  }
  yield* walk(reader, successors, common);
  for (const eventId of common) partial.delete(eventId);
  if (partial.size === 0 || reader.missing.size > 0) return;
  yield* walk(reader, unconflicted.values(), common);
  for (const eventId of common) partial.delete(eventId);
}

/** v2.1: every event on an auth path between two conflicted events (specification: rooms/v12, "Conflicted state subgraph"). */
export function* conflictedSubgraph(reader: Reader, conflicted: ReadonlySet<string>): Steps<Set<string>> {
  const below = new Set<string>();
  yield* walk(reader, conflicted, below);
  if (reader.missing.size > 0) return null;
  const due = every(EDGES_PER_SLICE);
  const citedBy = new Map<string, string[]>();
  for (const eventId of below) {
    if (due()) yield;
    for (const auth of reader.authEventIds(eventId)) {
      const citing = citedBy.get(auth);
      if (citing) citing.push(eventId);
      else citedBy.set(auth, [eventId]);
    }
  }
  const subgraph = new Set<string>();
  const stack = [...conflicted];
  for (let eventId = stack.pop(); eventId !== undefined; eventId = stack.pop()) {
    if (subgraph.has(eventId)) continue;
    subgraph.add(eventId);
    if (due()) yield;
    stack.push(...(citedBy.get(eventId) ?? []));
  }
  return subgraph;
}
