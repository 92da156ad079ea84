import type { RoomVersion } from "../versions";
import { type Conflict, splitStates } from "./conflict";
import { Reader, type ResolveContext } from "./context";
import { resolveV1 } from "./resolveV1";
import { resolveV2 } from "./resolveV2";
import type { StateMap } from "./stateMap";

/** Either done, or in need of events: load them, preferably with their auth chains, and start again. */
export type Resolution<T> = T | { readonly missing: string[] };

/** The entries that settle the conflict, to be added to the unconflicted ones. */
export interface Settled {
  readonly settled: StateMap;
}

/** Resolves complete state sets at once. For big rooms use `resolveSteps`. */
export function resolveState(
  version: RoomVersion,
  sets: readonly StateMap[],
  context: ResolveContext,
): Resolution<{ readonly state: StateMap }> {
  const conflict = splitStates(version, sets);
  const result = runToEnd(resolveSteps(version, conflict, context));
  return "missing" in result ? result : { state: new Map([...conflict.unconflicted, ...result.settled]) };
}

/**
 * Resolves a conflict in slices of a few milliseconds: between two of them the caller lets the event loop go round. Pure: the result does
 * not depend on the order of sets, of their entries, or of the events loaded.
 */
export function* resolveSteps(version: RoomVersion, conflict: Conflict, context: ResolveContext): Generator<void, Resolution<Settled>> {
  if (conflict.conflicted.every(({ size }) => size === 0)) return { settled: new Map() };
  const reader = new Reader(context);
  const settled = version.stateResolution === "v1" ? yield* resolveV1(reader, conflict) : yield* resolveV2(version, reader, conflict);
  return settled ? { settled } : { missing: [...reader.missing] };
}

/** Runs steps without a pause. */
export function runToEnd<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
