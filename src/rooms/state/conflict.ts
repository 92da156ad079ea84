import type { RoomVersion } from "../versions";
import type { StateMap } from "./stateMap";

/**
 * State sets, split into what they agree on and what not. A caller that can tell the two apart without building a map of the whole state
 * (most of a big room's members are never in conflict) hands this to `resolveSteps` itself.
 */
export interface Conflict {
  /** What all sets agree on. `values` may be asked for in rare cases only; `get` often. */
  readonly unconflicted: { get(key: string): string | undefined; values(): Iterable<string> };
  /** Of each state set the entries in conflict. */
  readonly conflicted: readonly StateMap[];
  /** The auth difference, where the caller has an index for it; events of the sets themselves count as part of their chains. */
  readonly authDifference?: ReadonlySet<string>;
}

/** Splits complete state sets. Version 1 alone does not call it a conflict when a set lacks a key. */
export function splitStates(version: RoomVersion, sets: readonly StateMap[]): Conflict & { readonly unconflicted: StateMap } {
  const lacking = version.stateResolution === "v1" ? "agrees" : "conflicts";
  const conflicting = conflictingKeys(sets, lacking);
  const unconflicted = new Map<string, string>();
  const conflicted = sets.map(() => new Map<string, string>());
  sets.forEach((set, index) => {
    for (const [key, eventId] of set) {
      if (conflicting.has(key)) conflicted[index]?.set(key, eventId);
      else unconflicted.set(key, eventId);
    }
  });
  return { unconflicted, conflicted };
}

function conflictingKeys(sets: readonly StateMap[], lacking: "agrees" | "conflicts"): Set<string> {
  const first = new Map<string, string>();
  const count = new Map<string, number>();
  const conflicting = new Set<string>();
  for (const set of sets) {
    for (const [key, eventId] of set) {
      const known = first.get(key);
      if (known === undefined) first.set(key, eventId);
      else if (known !== eventId) conflicting.add(key);
      if (lacking === "conflicts") count.set(key, (count.get(key) ?? 0) + 1);
    }
  }
  for (const [key, sightings] of count) if (sightings < sets.length) conflicting.add(key);
  return conflicting;
}

/** The ids of all events in conflict. */
export function conflictedIds({ conflicted }: Conflict): Set<string> {
  return new Set(conflicted.flatMap((set) => [...set.values()]));
}
