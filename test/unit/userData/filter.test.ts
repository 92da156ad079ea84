import type { JsonObject, JsonValue } from "../../../src/lib/json";
import { eventFilter, parseEventFilter, parseSyncFilter, passAll, projectEvent } from "../../../src/rooms/filter";
import type { EventFilter, SyncFilter } from "../../../src/rooms/filter";

function filterFrom(json: JsonValue): EventFilter {
  const parsed = parseEventFilter(json);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.filter;
}

function syncFilterFrom(json: JsonValue): SyncFilter {
  const parsed = parseSyncFilter(json);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.filter;
}

const message = { type: "m.room.message", sender: "@a:x", roomId: "!r:x", content: { body: "hello" } };

// Those of SyTest's 80torture/10filters.pl, and a few more.
test.each<JsonValue>([
  "text",
  null,
  [],
  { presence: "not_an_object" },
  { room: 1 },
  { room: { timeline: "not_an_object" } },
  { room: { state: "not_an_object" } },
  { room: { ephemeral: "not_an_object" } },
  { room: { account_data: "not_an_object" } },
  { room: { rooms: ["not_a_room_id"] } },
  { room: { include_leave: "yes" } },
  { room: { timeline: { rooms: "not_a_list" } } },
  { room: { timeline: { not_rooms: "not_a_list" } } },
  { room: { timeline: { senders: "not_a_list" } } },
  { room: { timeline: { not_senders: "not_a_list" } } },
  { room: { timeline: { types: "not_a_list" } } },
  { room: { timeline: { not_types: "not_a_list" } } },
  { room: { timeline: { types: [0] } } },
  { room: { timeline: { rooms: ["not_a_room_id"] } } },
  { room: { timeline: { senders: ["not_a_sender_id"] } } },
  { room: { timeline: { limit: "10" } } },
  { room: { timeline: { limit: -1 } } },
  { room: { timeline: { contains_url: "no" } } },
  { event_format: "other" },
  { event_fields: "content" },
])("refuses %j", (json) => {
  expect(parseSyncFilter(json)).toMatchObject({ ok: false });
});

test.each<[string, JsonValue]>([
  ["100,000 rooms", { room: { rooms: Array.from({ length: 100_000 }, (_, i) => `!${i}:x`) } }],
  ["100,000 senders", { room: { timeline: { not_senders: Array.from({ length: 100_000 }, (_, i) => `@${i}:x`) } } }],
  ["a thousand wildcards", { room: { state: { types: Array.from({ length: 1_000 }, (_, i) => `*a*${i}*`) } } }],
  ["10,000 fields", { event_fields: Array.from({ length: 10_000 }, (_, i) => `content.${i}`) }],
])("refuses %s: each is looked at for every event", (_, json) => {
  expect(parseSyncFilter(json)).toEqual({ ok: false, error: expect.stringMatching(/ at most$/) });
});

test("a wildcard that would make an expression go back again and again takes one look at the text", () => {
  const { matches } = filterFrom({ types: [`${"*a".repeat(50)}*b`] });
  expect(matches({ ...message, type: "a".repeat(100_000) })).toBe(false);
});

test("takes what is unknown, and gives defaults", () => {
  const filter = syncFilterFrom({ "org.example.new": 1, room: { "org.example.new": 1, timeline: { "org.example.new": 1 } } });
  expect(filter).toMatchObject({ eventFormat: "client", eventFields: undefined, room: { includeLeave: false } });
  expect(filter.presence).toBe(passAll);
  expect(filter.room.allowsRoom("!any:x")).toBe(true);
  expect(filter.room.timeline).toMatchObject({ limit: undefined, lazyLoadMembers: false, passesAll: true, blocksAll: false });
});

test.each<[name: string, filter: JsonObject, passes: boolean]>([
  ["no condition", {}, true],
  ["its type", { types: ["m.room.message"] }, true],
  ["another type", { types: ["m.room.name"] }, false],
  ["no type at all", { types: [] }, false],
  ["a wildcard at the end", { types: ["m.room.*"] }, true],
  ["a wildcard at the start", { types: ["*.message"] }, true],
  ["wildcards inside", { types: ["m*o*.mess*ge"] }, true],
  ["a wildcard that must not overlap", { types: ["m.room.message*message"] }, false],
  ["a dot is no wildcard", { types: ["m-room-message"] }, false],
  ["excluded beats included", { types: ["*"], not_types: ["m.room.m*"] }, false],
  ["its sender", { senders: ["@a:x"] }, true],
  ["senders have no wildcards", { senders: ["@*:x"] }, false],
  ["an excluded sender", { not_senders: ["@a:x"] }, false],
  ["its room", { rooms: ["!r:x"] }, true],
  ["another room", { rooms: ["!s:x"] }, false],
  ["an excluded room", { not_rooms: ["!r:x"] }, false],
  ["must have a url", { contains_url: true }, false],
  ["must have no url", { contains_url: false }, true],
])("an event and a filter with %s", (_, json, passes) => {
  expect(filterFrom(json).matches(message)).toBe(passes);
});

test("a url counts when it is a string", () => {
  const filter = eventFilter({ containsUrl: true });
  expect(filter.matches({ ...message, content: { url: "mxc://x/y" } })).toBe(true);
  expect(filter.matches({ ...message, content: { url: 1 } })).toBe(false);
});

test("what has no sender passes only where nobody asks for senders", () => {
  expect(filterFrom({ not_senders: ["@a:x"] }).matches({ type: "m.typing", roomId: "!r:x" })).toBe(true);
  expect(filterFrom({ senders: ["@a:x"] }).matches({ type: "m.typing", roomId: "!r:x" })).toBe(false);
});

test("knows when nothing can pass and when everything does", () => {
  expect(filterFrom({ types: [] }).blocksAll).toBe(true);
  expect(filterFrom({ not_types: ["*"] }).blocksAll).toBe(true);
  expect(filterFrom({ rooms: [] }).blocksAll).toBe(true);
  expect(filterFrom({ limit: 5, lazy_load_members: true }).passesAll).toBe(true);
  expect(filterFrom({ related_by_rel_types: ["m.thread"] }).passesAll).toBe(false);
});

test("room lists apply before the parts", () => {
  const { room } = syncFilterFrom({ room: { rooms: ["!a:x", "!b:x"], not_rooms: ["!b:x"], include_leave: true } });
  expect(["!a:x", "!b:x", "!c:x"].map(room.allowsRoom)).toEqual([true, false, false]);
  expect(room.includeLeave).toBe(true);
});

const event = { type: "m.x", sender: "@a:x", content: { body: "hi", nested: { a: 1, b: 2 }, "dotted.key": 3 } };

test.each<[fields: string[], expected: JsonObject]>([
  [["type"], { type: "m.x" }],
  [["content.body", "sender"], { content: { body: "hi" }, sender: "@a:x" }],
  [["content.nested.a", "content.nested.b"], { content: { nested: { a: 1, b: 2 } } }],
  [["content.nested.a", "content"], { content: event.content }],
  [["content", "content.nested.a"], { content: event.content }],
  [["content.dotted\\.key"], { content: { "dotted.key": 3 } }],
  [["content.dotted.key", "content.missing", "sender.x"], {}],
  [[], {}],
])("event_fields %j", (fields, expected) => {
  const { eventFields } = syncFilterFrom({ event_fields: fields });
  expect(projectEvent(event, eventFields ?? [])).toEqual(expected);
});

test("a projection neither changes the event nor a prototype", () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": 1}, "content": {"a": {"b": 1}}}') as JsonObject;
  const before = JSON.stringify(hostile);
  const { eventFields } = syncFilterFrom({ event_fields: ["__proto__.polluted", "content.a", "content.a.b"] });
  const out = projectEvent(hostile, eventFields ?? []);
  expect(JSON.stringify(hostile)).toBe(before);
  expect(({} as JsonObject)["polluted"]).toBeUndefined();
  expect(out["content"]).toEqual({ a: { b: 1 } });
});
