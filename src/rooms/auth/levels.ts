import { type JsonObject, JsonNumber, type JsonValue, isJsonObject, own } from "../../lib/json";
import type { RoomEvent, StateLookup } from "../event";
import type { RoomVersion } from "../versions";
import { creatorsOf, legacyCreatorOf } from "./creators";

/** The power levels that hold in some state of a room. */
export interface PowerLevels {
  /** The level of a user; Infinity for the creators of a version 12 room. */
  userLevel(userId: string): number;
  /** The required power level of an event type. Member events do not go by it. */
  requiredFor(type: string, kind: "state" | "message"): number;
  readonly ban: number;
  readonly kick: number;
  readonly redact: number;
  readonly invite: number;
  /** The level to notify by that key, such as `room`. */
  notification(key: string): number;
}

const DEFAULTS = { ban: 50, kick: 50, redact: 50, invite: 0 } as const;
const DEFAULT_NOTIFICATION = 50;
/** v1-11: of the creator, as long as the room has no power levels event. */
const CREATOR_LEVEL = 100;
/** Python's int() reads white space as Unicode has it; what the specification allows is no more than this. */
const INTEGER_TEXT = /^\s*[+-]?\d+\s*$/;

/** The power levels in a state, defaults included. Cheap: nothing is read until it is asked for. */
export function powerLevels(version: RoomVersion, state: StateLookup): PowerLevels {
  return levelsFrom(version, state("m.room.power_levels", ""), state("m.room.create", ""));
}

/** The same from the two events that decide them. */
export function levelsFrom(version: RoomVersion, levels: RoomEvent | undefined, create: RoomEvent | undefined): PowerLevels {
  const content = levels?.content ?? {};
  const level = (key: string): number | undefined => parseLevel(version, own(content, key));
  const named = (key: keyof typeof DEFAULTS): number => level(key) ?? DEFAULTS[key];
  return {
    userLevel(userId) {
      if (create && version.auth.creatorPower && creatorsOf(create).has(userId)) return Infinity;
      if (!levels) return create && !version.auth.creatorPower && legacyCreatorOf(version, create) === userId ? CREATOR_LEVEL : 0;
      return nestedLevel(version, content, "users", userId) ?? level("users_default") ?? 0;
    },
    requiredFor(type, kind) {
      const own = nestedLevel(version, content, "events", type);
      return own ?? (kind === "state" ? (level("state_default") ?? 50) : (level("events_default") ?? 0));
    },
    get ban() {
      return named("ban");
    },
    get kick() {
      return named("kick");
    },
    get redact() {
      return named("redact");
    },
    get invite() {
      return named("invite");
    },
    notification: (key) => nestedLevel(version, content, "notifications", key) ?? DEFAULT_NOTIFICATION,
  };
}

function nestedLevel(version: RoomVersion, content: JsonObject, group: string, key: string): number | undefined {
  const levels = own(content, group);
  return isJsonObject(levels) ? parseLevel(version, own(levels, key)) : undefined;
}

/**
 * A power level as the version reads it, or undefined when it is absent or no level: integers, up to version 9 strings of digits, and
 * up to version 5 floats, cut at the point. Integers beyond 2^53 (up to version 5) lose their last digits.
 */
export function parseLevel(version: RoomVersion, value: JsonValue | undefined): number | undefined {
  if (typeof value === "number") {
    if (version.canonicalJsonEnforced) return Number.isSafeInteger(value) ? value : undefined;
    return Number.isFinite(value) ? Math.trunc(value) : undefined;
  }
  const { acceptsStrings, acceptsFloats } = version.levels;
  if (typeof value === "string") return acceptsStrings && INTEGER_TEXT.test(value) ? finite(Number(value)) : undefined;
  return acceptsFloats && value instanceof JsonNumber ? finite(Math.trunc(Number(value.text))) : undefined;
}

const finite = (level: number): number | undefined => (Number.isFinite(level) ? level : undefined);
