import type { JsonObject, JsonValue } from "../lib/json";

/** What a filter looks at. Fields that the thing does not have (the sender of typing, the room of presence) are left out. */
export interface Filterable {
  readonly type: string;
  readonly sender?: string;
  readonly roomId?: string;
  readonly content?: JsonObject;
}

/** RoomEventFilter of the client-server API, with the lists as given (for SQL) and ready to match. */
export interface EventFilter {
  /** Undefined: the caller's default. */
  readonly limit: number | undefined;
  /** Undefined: all. `*` stands for any characters in types. */
  readonly types: readonly string[] | undefined;
  readonly notTypes: readonly string[];
  readonly senders: readonly string[] | undefined;
  readonly notSenders: readonly string[];
  readonly rooms: readonly string[] | undefined;
  readonly notRooms: readonly string[];
  readonly containsUrl: boolean | undefined;
  /** Only events to which one of these users, or one of these relation types, relates. Needs a lookup: `matches` leaves it out. */
  readonly relatedBySenders: readonly string[] | undefined;
  readonly relatedByRelTypes: readonly string[] | undefined;
  readonly lazyLoadMembers: boolean;
  readonly includeRedundantMembers: boolean;
  readonly unreadThreadNotifications: boolean;
  /** True when nothing can be held back, so that no event need be parsed. */
  readonly passesAll: boolean;
  /** True when nothing can pass. */
  readonly blocksAll: boolean;
  allowsType(type: string): boolean;
  allowsSender(sender: string): boolean;
  allowsRoom(roomId: string): boolean;
  /** All conditions on the event itself. */
  matches(event: Filterable): boolean;
}

type StringTest = (text: string) => boolean;

/** A list is looked at for every event, and what has wildcards one by one. Clients have some tens of either. */
const MAX_ITEMS = 10_000;
const MAX_WILDCARDS = 100;
const MAX_FIELDS = 1_000;

/** Matches `*` as any characters, in time linear in the text for each pattern. */
function glob(pattern: string): StringTest {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (text) => text === pattern;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let from = first.length;
    for (const part of rest) {
      const at = text.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return from <= text.length - last.length;
  };
}

function anyOf(patterns: readonly string[], wildcards: "wildcards" | "literal"): StringTest {
  const globs = wildcards === "wildcards" ? patterns.filter((p) => p.includes("*")).map(glob) : [];
  const exact = new Set(patterns);
  return globs.length === 0 ? (text) => exact.has(text) : (text) => exact.has(text) || globs.some((test) => test(text));
}

/** What is excluded stays out even if it is included too. */
function listTest(include: readonly string[] | undefined, exclude: readonly string[], wildcards: "wildcards" | "literal"): StringTest {
  const excluded = exclude.length > 0 ? anyOf(exclude, wildcards) : undefined;
  const included = include ? anyOf(include, wildcards) : undefined;
  return (text) => !excluded?.(text) && (included?.(text) ?? true);
}

type Conditions = Omit<EventFilter, "passesAll" | "blocksAll" | "allowsType" | "allowsSender" | "allowsRoom" | "matches">;

/** Makes a filter ready to match. */
export function eventFilter(given: Partial<Conditions>): EventFilter {
  const c: Conditions = { ...noConditions, ...given };
  const allowsType = listTest(c.types, c.notTypes, "wildcards");
  const allowsSender = listTest(c.senders, c.notSenders, "literal");
  const allowsRoom = listTest(c.rooms, c.notRooms, "literal");
  const lists = [c.types, c.senders, c.rooms];
  const passesAll =
    lists.every((list) => list === undefined) &&
    c.notTypes.length + c.notSenders.length + c.notRooms.length === 0 &&
    c.containsUrl === undefined &&
    c.relatedBySenders === undefined &&
    c.relatedByRelTypes === undefined;
  return {
    ...c,
    passesAll,
    blocksAll: lists.some((list) => list?.length === 0) || c.notTypes.includes("*"),
    allowsType,
    allowsSender,
    allowsRoom,
    matches: (event) =>
      passesAll ||
      (allowsType(event.type) &&
        (event.sender === undefined ? c.senders === undefined : allowsSender(event.sender)) &&
        (event.roomId === undefined || allowsRoom(event.roomId)) &&
        (c.containsUrl === undefined || c.containsUrl === (typeof event.content?.["url"] === "string"))),
  };
}

const noConditions: Conditions = {
  limit: undefined,
  types: undefined,
  notTypes: [],
  senders: undefined,
  notSenders: [],
  rooms: undefined,
  notRooms: [],
  containsUrl: undefined,
  relatedBySenders: undefined,
  relatedByRelTypes: undefined,
  lazyLoadMembers: false,
  includeRedundantMembers: false,
  unreadThreadNotifications: false,
};

/** The filter of a client that sent none. */
export const passAll: EventFilter = eventFilter({});

/** Filter of the client-server API ("Filtering"), as /sync uses it. */
export interface SyncFilter {
  readonly presence: EventFilter;
  readonly accountData: EventFilter;
  readonly room: {
    /** `rooms` and `not_rooms` of `room`: applies before the filters below. */
    readonly allowsRoom: (roomId: string) => boolean;
    /** Undefined: all. */
    readonly rooms: readonly string[] | undefined;
    readonly includeLeave: boolean;
    readonly timeline: EventFilter;
    readonly state: EventFilter;
    readonly ephemeral: EventFilter;
    readonly accountData: EventFilter;
  };
  /** Paths to keep, each as its keys; undefined: whole events. */
  readonly eventFields: readonly (readonly string[])[] | undefined;
  readonly eventFormat: "client" | "federation";
}

/** The outcome of reading a filter: what is wrong is for the client to see. */
export type ParsedFilter<T> = { readonly ok: true; readonly filter: T } | { readonly ok: false; readonly error: string };

/** Thrown inside of this file alone; callers get a ParsedFilter. */
class Invalid extends Error {}

function guarded<T>(read: () => T): ParsedFilter<T> {
  try {
    return { ok: true, filter: read() };
  } catch (error) {
    if (error instanceof Invalid) return { ok: false, error: error.message };
    throw error;
  }
}

/** Reads a RoomEventFilter, as /messages, /context and /search take it. Unknown fields pass. */
export function parseEventFilter(json: JsonValue): ParsedFilter<EventFilter> {
  return guarded(() => readEventFilter(json, "filter"));
}

/** Reads the filter of a /sync. Unknown fields pass. */
export function parseSyncFilter(json: JsonValue): ParsedFilter<SyncFilter> {
  return guarded(() => {
    const top = objectAt(json, "filter");
    const room = top["room"] === undefined ? {} : objectAt(top["room"], "room");
    const rooms = strings(room, "rooms", "room", isRoomId);
    const fields = strings(top, "event_fields", "filter");
    if (fields && fields.length > MAX_FIELDS) throw new Invalid(`filter.event_fields may hold ${MAX_FIELDS} values at most`);
    const format = top["event_format"] ?? "client";
    if (format !== "client" && format !== "federation") throw new Invalid("event_format must be client or federation");
    return {
      presence: part(top, "presence", ""),
      accountData: part(top, "account_data", ""),
      room: {
        rooms,
        allowsRoom: listTest(rooms, strings(room, "not_rooms", "room", isRoomId) ?? [], "literal"),
        includeLeave: flag(room, "include_leave", "room") ?? false,
        timeline: part(room, "timeline", "room."),
        state: part(room, "state", "room."),
        ephemeral: part(room, "ephemeral", "room."),
        accountData: part(room, "account_data", "room."),
      },
      eventFields: fields?.map(splitPath),
      eventFormat: format,
    };
  });
}

function part(parent: JsonObject, key: string, prefix: string): EventFilter {
  const value = parent[key];
  return value === undefined ? passAll : readEventFilter(value, prefix + key);
}

function readEventFilter(json: JsonValue, at: string): EventFilter {
  const o = objectAt(json, at);
  return eventFilter({
    limit: wholeNumber(o, "limit", at),
    types: types(o, "types", at),
    notTypes: types(o, "not_types", at) ?? [],
    senders: strings(o, "senders", at, isUserId),
    notSenders: strings(o, "not_senders", at, isUserId) ?? [],
    rooms: strings(o, "rooms", at, isRoomId),
    notRooms: strings(o, "not_rooms", at, isRoomId) ?? [],
    containsUrl: flag(o, "contains_url", at),
    relatedBySenders: strings(o, "related_by_senders", at, isUserId),
    relatedByRelTypes: strings(o, "related_by_rel_types", at),
    lazyLoadMembers: flag(o, "lazy_load_members", at) ?? false,
    includeRedundantMembers: flag(o, "include_redundant_members", at) ?? false,
    unreadThreadNotifications: flag(o, "unread_thread_notifications", at) ?? false,
  });
}

const isRoomId: StringTest = (text) => text.startsWith("!");
const isUserId: StringTest = (text) => text.startsWith("@") && text.includes(":");

function objectAt(value: JsonValue | undefined, at: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Invalid(`${at} must be an object`);
  return value;
}

function strings(o: JsonObject, key: string, at: string, valid: StringTest = () => true): readonly string[] | undefined {
  const value = o[key];
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new Invalid(`${at}.${key} must be a list`);
  if (value.length > MAX_ITEMS) throw new Invalid(`${at}.${key} may hold ${MAX_ITEMS} values at most`);
  return value.map((item) => {
    if (typeof item !== "string" || !valid(item)) throw new Invalid(`${at}.${key} holds an invalid value`);
    return item;
  });
}

function types(o: JsonObject, key: string, at: string): readonly string[] | undefined {
  const list = strings(o, key, at);
  const wildcards = list?.filter((type) => type.includes("*")).length ?? 0;
  if (wildcards > MAX_WILDCARDS) throw new Invalid(`${at}.${key} may hold ${MAX_WILDCARDS} values with wildcards at most`);
  return list;
}

function flag(o: JsonObject, key: string, at: string): boolean | undefined {
  const value = o[key];
  if (value !== undefined && typeof value !== "boolean") throw new Invalid(`${at}.${key} must be true or false`);
  return value;
}

function wholeNumber(o: JsonObject, key: string, at: string): number | undefined {
  const value = o[key];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new Invalid(`${at}.${key} must be a whole number`);
  return value;
}

/** Splits a path at its dots; `\.` is a dot and `\\` a backslash within a key (appendices, "Dot-separated property paths"). */
function splitPath(path: string): string[] {
  const keys = [""];
  for (let i = 0; i < path.length; i++) {
    const next = path[i + 1];
    let char = path[i] ?? "";
    if (char === ".") {
      keys.push("");
      continue;
    }
    if (char === "\\" && (next === "." || next === "\\")) {
      char = next;
      i++;
    }
    keys[keys.length - 1] += char;
  }
  return keys;
}

/** The part of an event that lies on the given paths (`event_fields`). */
export function projectEvent(event: JsonObject, fields: readonly (readonly string[])[]): JsonObject {
  const out: JsonObject = {};
  for (const path of fields) copyPath(event, out, path);
  return out;
}

function copyPath(from: JsonObject, to: JsonObject, path: readonly string[]): void {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(from, key)) return;
  const value = from[key];
  if (rest.length === 0) {
    setOwn(to, key, value);
    return;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const present = Object.hasOwn(to, key) ? to[key] : undefined;
  // The whole of this object was asked for before.
  if (present === value) return;
  const inner: JsonObject = typeof present === "object" && present !== null && !Array.isArray(present) ? present : {};
  copyPath(value, inner, rest);
  if (Object.keys(inner).length > 0) setOwn(to, key, inner);
}

/** Plain assignment would set the prototype for the key `__proto__`. */
function setOwn(to: JsonObject, key: string, value: JsonValue | undefined): void {
  Object.defineProperty(to, key, { value, enumerable: true, configurable: true, writable: true });
}
