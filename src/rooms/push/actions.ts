import { isJsonObject } from "../../lib/json";
import type { Action } from "./rules";

/** What a matching rule makes of an event for one user. */
export interface Outcome {
  /** Without historical actions. */
  readonly actions: readonly Action[];
  readonly notify: boolean;
  readonly highlight: boolean;
}

export const silent: Outcome = { actions: [], notify: false, highlight: false };

/** `dont_notify` and `coalesce` mean nothing any more (push module, "Historical Actions"). */
const historical = ["dont_notify", "coalesce"];

export function isValidAction(action: Action): boolean {
  if (typeof action === "string") return action === "notify" || historical.includes(action);
  return isJsonObject(action) && typeof action["set_tweak"] === "string";
}

/** A highlight tweak without a value means true. */
function highlights(action: Action): boolean {
  return isJsonObject(action) && action["set_tweak"] === "highlight" && (action["value"] === undefined || action["value"] === true);
}

export function outcomeOf(actions: readonly Action[]): Outcome {
  const meant = actions.filter((action) => typeof action !== "string" || !historical.includes(action));
  if (meant.length === 0) return silent;
  return { actions: meant, notify: meant.includes("notify"), highlight: meant.some(highlights) };
}

/** Two outcomes that no client can tell apart. */
export function sameOutcome(a: Outcome, b: Outcome): boolean {
  return a === b || (a.notify === b.notify && a.highlight === b.highlight && JSON.stringify(a.actions) === JSON.stringify(b.actions));
}

/** The two sets of actions that nearly all notifications have take one letter in the database. */
const shorthands: readonly (readonly [string, readonly Action[]])[] = [
  ["n", ["notify", { set_tweak: "highlight", value: false }]],
  ["h", ["notify", { set_tweak: "highlight" }, { set_tweak: "sound", value: "default" }]],
];
const letters = new Map(shorthands.map(([letter, actions]) => [JSON.stringify(actions), letter]));
const meanings = new Map(shorthands);

export function encodeActions(actions: readonly Action[]): string {
  if (actions.length === 0) return "";
  const text = JSON.stringify(actions);
  return letters.get(text) ?? text;
}

/** Undoes encodeActions. */
export function decodeActions(text: string): readonly Action[] {
  return text === "" ? [] : (meanings.get(text) ?? (JSON.parse(text) as Action[]));
}
