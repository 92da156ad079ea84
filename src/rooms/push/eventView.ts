import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { RoomEvent } from "../event";
import type { Glob } from "./glob";

export type PushableEvent = Pick<
  RoomEvent,
  "eventId" | "roomId" | "type" | "sender" | "stateKey" | "content" | "originServerTs" | "redacts"
>;

/** What conditions ask of the room that the event does not say itself. */
export interface RoomContext {
  /** Joined members, remote ones too. */
  memberCount(): number;
  /** Whether the sender has the power for notifications of this kind, such as `room`. */
  senderMayNotify(key: string): boolean;
}

/**
 * An event as conditions see it. Answers are remembered, so that rulesets with the same condition pay once for an event.
 * Work on text is bounded: when the budget of a ruleset is spent, its remaining patterns do not match.
 */
export interface EventView extends RoomContext {
  readonly event: PushableEvent;
  readonly hasMentions: boolean;
  /** The body in lower case, "" if there is none. */
  readonly body: string;
  value(path: readonly string[]): JsonValue | undefined;
  matches(key: string, path: readonly string[], pattern: string, glob: Glob): boolean;
  startRuleset(): void;
}

/** Splits a dot-separated property path; `\.` and `\\` are literal (appendices, "Dot-separated property paths"). */
export function parsePath(key: string): string[] {
  const parts = [""];
  for (let i = 0; i < key.length; i++) {
    const c = key.charAt(i);
    const next = key.charAt(i + 1);
    if (c === ".") parts.push("");
    else if (c === "\\" && (next === "." || next === "\\")) parts[parts.length - 1] += key.charAt(++i);
    else parts[parts.length - 1] += c;
  }
  return parts;
}

/** Character comparisons that one ruleset may spend on one event: some 2 ms. A message of usual length takes thousands of patterns. */
export const TEXT_BUDGET = 1_000_000;

export function eventView(event: PushableEvent, room: RoomContext): EventView {
  const top: JsonObject = {
    type: event.type,
    sender: event.sender,
    room_id: event.roomId,
    event_id: event.eventId,
    state_key: event.stateKey,
    content: event.content,
    origin_server_ts: event.originServerTs,
    redacts: event.redacts,
  };
  const lowered = new Map<string, string | undefined>();
  const answers = new Map<string, boolean>();
  let budget = TEXT_BUDGET;

  function value(path: readonly string[]): JsonValue | undefined {
    let at: JsonValue | undefined = top;
    for (const part of path) {
      if (!isJsonObject(at)) return undefined;
      at = own(at, part);
    }
    return at;
  }

  function lower(key: string, path: readonly string[]): string | undefined {
    if (lowered.has(key)) return lowered.get(key);
    const found = value(path);
    const text = typeof found === "string" ? found.toLowerCase() : undefined;
    lowered.set(key, text);
    return text;
  }

  return {
    event,
    hasMentions: own(event.content, "m.mentions") !== undefined,
    body: lower("content.body", ["content", "body"]) ?? "",
    memberCount: () => room.memberCount(),
    senderMayNotify: (key) => room.senderMayNotify(key),
    value,
    matches(key, path, pattern, glob) {
      const text = lower(key, path);
      if (text === undefined) return false;
      const cost = glob.cost(text.length);
      if (cost === 1) return glob.matches(text);
      const question = `${key}\0${pattern}`;
      const known = answers.get(question);
      if (known !== undefined) return known;
      budget -= cost;
      if (budget < 0) return false;
      const answer = glob.matches(text);
      answers.set(question, answer);
      return answer;
    },
    startRuleset() {
      budget = TEXT_BUDGET;
    },
  };
}
