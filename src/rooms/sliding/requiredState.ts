/** A pair as clients write it: a type and a state key, each of which may be `*`; the key may be `$ME`, of members also `$LAZY`. */
export type StatePattern = readonly [type: string, stateKey: string];

/** Whether state of whatever type and key is wanted. With lazy loading `*` does not stand for members. */
type Everything = "no" | "exceptMembers" | "yes";

/**
 * Which state of a room a client wants to have (MSC4186, "required_state"), as a set of pairs. `$ME` is resolved, since what a
 * connection remembers of it belongs to one user anyway.
 */
export interface RequiredState {
  readonly everything: Everything;
  /** Types of which every key is wanted. */
  readonly types: ReadonlySet<string>;
  /** Keys that are wanted of every type. */
  readonly keys: ReadonlySet<string>;
  /** Single pairs: type -> keys. */
  readonly pairs: ReadonlyMap<string, ReadonlySet<string>>;
  /** Members are sent when somebody needs them: senders of what is shown, and changes. */
  readonly lazyMembers: boolean;
}

const MEMBER = "m.room.member";

export const noState: RequiredState = { everything: "no", types: new Set(), keys: new Set(), pairs: new Map(), lazyMembers: false };

export function requiredState(patterns: readonly StatePattern[], userId: string): RequiredState {
  const types = new Set<string>();
  const keys = new Set<string>();
  const pairs = new Map<string, Set<string>>();
  let everything = false;
  const lazyMembers = patterns.some(([type, key]) => type === MEMBER && key === "$LAZY");
  for (const [type, given] of patterns) {
    if (type === MEMBER && given === "$LAZY") continue;
    const key = given === "$ME" ? userId : given;
    if (type === "*" && key === "*") everything = true;
    else if (type === "*") keys.add(key);
    else if (key === "*") types.add(type);
    else pairs.set(type, (pairs.get(type) ?? new Set()).add(key));
  }
  return { everything: everything ? (lazyMembers ? "exceptMembers" : "yes") : "no", types, keys, pairs, lazyMembers };
}

export function wantsState(wanted: RequiredState, type: string, stateKey: string): boolean {
  if (wanted.everything === "yes" || (wanted.everything === "exceptMembers" && type !== MEMBER)) return true;
  return wanted.types.has(type) || wanted.keys.has(stateKey) || wanted.pairs.get(type)?.has(stateKey) === true;
}

/** Whether nothing less than all members of a room will do. */
export const wantsAllMembers = ({ everything, types }: RequiredState): boolean => everything === "yes" || types.has(MEMBER);

/** What satisfies both: rooms that match several lists or subscriptions get all that any of them asks for. */
export function unionOfStates(a: RequiredState, b: RequiredState): RequiredState {
  if (a === b || b === noState) return a;
  if (a === noState) return b;
  const pairs = new Map<string, ReadonlySet<string>>(a.pairs);
  for (const [type, keys] of b.pairs) pairs.set(type, new Set([...(pairs.get(type) ?? []), ...keys]));
  const levels: readonly Everything[] = ["no", "exceptMembers", "yes"];
  return {
    everything: levels[Math.max(levels.indexOf(a.everything), levels.indexOf(b.everything))] ?? "yes",
    types: new Set([...a.types, ...b.types]),
    keys: new Set([...a.keys, ...b.keys]),
    pairs,
    lazyMembers: a.lazyMembers || b.lazyMembers,
  };
}

/** Whether everything that `part` wants is wanted by `whole` too. */
export function coversState(whole: RequiredState, part: RequiredState): boolean {
  if (whole === part || whole.everything === "yes") return true;
  if (part.everything === "yes" || (part.lazyMembers && !whole.lazyMembers && !whole.types.has(MEMBER))) return false;
  if (part.everything === "exceptMembers" && whole.everything === "no") return false;
  const covers = (type: string, key: string): boolean => wantsState(whole, type, key);
  return (
    [...part.types].every((type) => whole.types.has(type) || (whole.everything === "exceptMembers" && type !== MEMBER)) &&
    [...part.keys].every((key) => whole.keys.has(key) || (whole.everything === "exceptMembers" && covers(MEMBER, key))) &&
    [...part.pairs].every(([type, keys]) => [...keys].every((key) => covers(type, key)))
  );
}

/** Whether all pairs that can match are named, so that they can be looked up one by one. */
export const isFinite = ({ everything, types, keys }: RequiredState): boolean => everything === "no" && types.size === 0 && keys.size === 0;

/** Members can match in other ways than by being named or needed. */
export const sweepsMembers = ({ everything, types, keys }: RequiredState): boolean =>
  everything === "yes" || types.has(MEMBER) || keys.size > 0;

/** The same for equal sets, whatever the order in which they were written. `$ME` stays as it was resolved. */
export function formatRequiredState({ everything, types, keys, pairs, lazyMembers }: RequiredState): string {
  const patterns: StatePattern[] = [
    ...[...types].map((type): StatePattern => [type, "*"]),
    ...[...keys].map((key): StatePattern => ["*", key]),
    ...[...pairs].flatMap(([type, of]) => [...of].map((key): StatePattern => [type, key])),
  ];
  const sorted = patterns.map((pattern) => JSON.stringify(pattern)).sort();
  return `[${JSON.stringify(everything)},${lazyMembers},[${sorted.join(",")}]]`;
}

/** Reads what formatRequiredState wrote. */
export function parseRequiredState(text: string): RequiredState {
  const [everything, lazyMembers, patterns] = JSON.parse(text) as [Everything, boolean, StatePattern[]];
  return { ...requiredState(patterns, ""), everything, lazyMembers };
}
