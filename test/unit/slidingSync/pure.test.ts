import { itemsInRanges } from "../../../src/rooms/sliding/ranges";
import type { Range } from "../../../src/rooms/sliding/ranges";
import {
  coversState,
  formatRequiredState,
  parseRequiredState,
  requiredState,
  unionOfStates,
  wantsState,
} from "../../../src/rooms/sliding/requiredState";
import type { StatePattern } from "../../../src/rooms/sliding/requiredState";
import { passesFilter } from "../../../src/rooms/sliding/roomFilter";
import type { FilterableRoom, RoomFilter } from "../../../src/rooms/sliding/roomFilter";
import { applyChanges, decodeState, encodeState } from "../../../src/handlers/slidingSync/connectionState";
import type { KnownRoom } from "../../../src/handlers/slidingSync/connectionState";
import { createShownMembers } from "../../../src/handlers/slidingSync/shownMembers";

const ME = "@me:test";
const M = "m.room.member";
const state = (...patterns: StatePattern[]) => requiredState(patterns, ME);

test.each<[name: string, ranges: Range[] | undefined, items: number[]]>([
  ["no ranges", undefined, [0, 1, 2, 3, 4]],
  ["none at all", [], []],
  ["both ends included", [[1, 2]], [1, 2]],
  ["past the end", [[3, 99]], [3, 4]],
  [
    "overlapping and out of order",
    [
      [2, 3],
      [0, 2],
    ],
    [0, 1, 2, 3],
  ],
  [
    "one inside of another",
    [
      [0, 3],
      [1, 1],
    ],
    [0, 1, 2, 3],
  ],
  ["huge", [[0, Number.MAX_SAFE_INTEGER]], [0, 1, 2, 3, 4]],
])("windows: %s", (_, ranges, items) => {
  expect(itemsInRanges([0, 1, 2, 3, 4], ranges)).toEqual(items);
});

test.each<[patterns: StatePattern[], wanted: StatePattern[], unwanted: StatePattern[]]>([
  [
    [["a", ""]],
    [["a", ""]],
    [
      ["a", "x"],
      ["b", ""],
    ],
  ],
  [
    [["a", "*"]],
    [
      ["a", ""],
      ["a", "x"],
    ],
    [["b", ""]],
  ],
  [
    [["*", "x"]],
    [
      ["a", "x"],
      [M, "x"],
    ],
    [["a", ""]],
  ],
  [
    [["*", "*"]],
    [
      ["a", "x"],
      [M, ME],
    ],
    [],
  ],
  [
    [[M, "$ME"]],
    [[M, ME]],
    [
      [M, "@you:test"],
      [M, "$ME"],
    ],
  ],
  [
    [[M, "$LAZY"]],
    [],
    [
      [M, ME],
      [M, "$LAZY"],
    ],
  ],
  [
    [
      ["*", "*"],
      [M, "$LAZY"],
    ],
    [["a", "x"]],
    [[M, ME]],
  ],
  [
    [
      ["*", "*"],
      [M, "$LAZY"],
      [M, "$ME"],
    ],
    [
      ["a", "x"],
      [M, ME],
    ],
    [[M, "@you:test"]],
  ],
  [[["a", "$LAZY"]], [["a", "$LAZY"]], [["a", ""]]],
])("patterns %j", (patterns, wanted, unwanted) => {
  const given = state(...patterns);
  for (const pair of wanted) expect([pair, wantsState(given, ...pair)]).toEqual([pair, true]);
  for (const pair of unwanted) expect([pair, wantsState(given, ...pair)]).toEqual([pair, false]);
});

test.each<[whole: StatePattern[], part: StatePattern[], covers: boolean]>([
  [[], [], true],
  [[["a", ""]], [], true],
  [[], [["a", ""]], false],
  [[["a", "*"]], [["a", "x"]], true],
  [[["a", "x"]], [["a", "*"]], false],
  [[["*", "x"]], [["a", "x"]], true],
  [
    [["*", "*"]],
    [
      ["a", "*"],
      [M, "$LAZY"],
    ],
    true,
  ],
  [
    [
      ["*", "*"],
      [M, "$LAZY"],
    ],
    [["*", "*"]],
    false,
  ],
  [
    [
      ["*", "*"],
      [M, "$LAZY"],
    ],
    [
      ["a", "*"],
      [M, "$LAZY"],
    ],
    true,
  ],
  [
    [
      ["*", "*"],
      [M, "$LAZY"],
    ],
    [["*", "x"]],
    false,
  ],
  [
    [[M, "*"]],
    [
      [M, "$LAZY"],
      [M, "$ME"],
    ],
    true,
  ],
  [[[M, "$ME"]], [[M, "$LAZY"]], false],
])("%j covers %j: %s", (whole, part, covers) => {
  expect(coversState(state(...whole), state(...part))).toBe(covers);
});

test("a union covers both, and comes back the same from its text", () => {
  const a = state(["a", ""], ["*", "x"], [M, "$LAZY"], ["*", "*"]);
  const b = state(["b", "*"], ["a", "y"], [M, "*"]);
  const union = unionOfStates(a, b);
  expect([coversState(union, a), coversState(union, b)]).toEqual([true, true]);
  expect(parseRequiredState(formatRequiredState(union))).toEqual(union);
  expect(formatRequiredState(unionOfStates(b, a))).toBe(formatRequiredState(union));
});

describe("filters", () => {
  const context = {
    directRooms: new Set(["!dm"]),
    tags: new Map([["!tagged", new Set(["m.favourite", "u.work"])]]),
    children: new Map([["!space", new Set(["!child"])]]),
  };
  const room = (roomId: string, more: Partial<FilterableRoom> = {}): FilterableRoom => ({
    roomId,
    membership: "join",
    encrypted: false,
    roomType: null,
    ...more,
  });
  test.each<[filter: RoomFilter, room: FilterableRoom, passes: boolean]>([
    [{}, room("!a"), true],
    [{ is_dm: true }, room("!dm"), true],
    [{ is_dm: true }, room("!a"), false],
    [{ is_dm: false }, room("!dm"), false],
    [{ is_invite: true }, room("!a", { membership: "invite" }), true],
    [{ is_invite: false }, room("!a", { membership: "invite" }), false],
    [{ is_encrypted: true }, room("!a", { encrypted: true }), true],
    [{ is_encrypted: false }, room("!a", { encrypted: undefined }), false],
    [{ room_types: ["m.space"] }, room("!a", { roomType: "m.space" }), true],
    [{ room_types: ["m.space"] }, room("!a"), false],
    [{ room_types: [null] }, room("!a"), true],
    [{ room_types: [null] }, room("!a", { roomType: undefined }), false],
    [{ not_room_types: ["m.space"] }, room("!a", { roomType: "m.space" }), false],
    [{ not_room_types: ["m.space"] }, room("!a"), true],
    [{ not_room_types: [null] }, room("!a"), false],
    [{ room_types: ["m.space"], not_room_types: ["m.space"] }, room("!a", { roomType: "m.space" }), false],
    [{ tags: ["u.work", "u.play"] }, room("!tagged"), true],
    [{ tags: ["u.play"] }, room("!tagged"), false],
    [{ tags: ["u.work"], not_tags: ["m.favourite"] }, room("!tagged"), false],
    [{ not_tags: ["m.favourite"] }, room("!a"), true],
    [{ spaces: ["!space", "!unknown"] }, room("!child"), true],
    [{ spaces: ["!unknown"] }, room("!child"), false],
    [{ is_dm: null, tags: null }, room("!a"), true],
  ])("%j on %j: %s", (filter, given, passes) => {
    expect(passesFilter(filter, given, context)).toBe(passes);
  });
});

describe("what a client knows", () => {
  const known: KnownRoom = { shown: "full", events: undefined, state: state(["a", ""]), timeline: Infinity, accountData: 0, receipts: 7 };
  const full = {
    rooms: new Map([
      [1, known],
      [2, { ...known, shown: "stripped" as const, events: 5, timeline: 3, state: state() }],
    ]),
  };
  test("it comes back the same from its text", () => {
    expect(decodeState(encodeState(full))).toEqual(full);
  });
  test("where nothing changes it stays the same object", () => {
    expect(
      applyChanges(
        full,
        new Map([
          [1, { ...known, state: state(["a", ""]) }],
          [3, undefined],
        ]),
      ),
    ).toBe(full);
    expect(applyChanges(full, new Map([[1, undefined]])).rooms.size).toBe(1);
    expect(applyChanges(full, new Map([[1, { ...known, events: 9 }]])).rooms.get(1)?.events).toBe(9);
  });
});

describe("members that were shown", () => {
  const sent = (...userIds: string[]) => new Map([[1, { anew: false, userIds }]]);
  test("they count once the answer has arrived", () => {
    const shown = createShownMembers(10);
    shown.sent(5, "p1", sent("@a:test"));
    expect(shown.knows(5, 1, "@a:test")).toBe(false);
    shown.arrived(5, "p1");
    expect(shown.knows(5, 1, "@a:test")).toBe(true);
    expect(shown.knows(6, 1, "@a:test")).toBe(false);
  });
  test("an answer that got lost does not", () => {
    const shown = createShownMembers(10);
    shown.sent(5, "p1", sent("@a:test"));
    shown.arrived(5, "p0");
    shown.arrived(5, "p1");
    expect(shown.knows(5, 1, "@a:test")).toBe(false);
  });
  test("a room that starts anew forgets", () => {
    const shown = createShownMembers(10);
    shown.sent(5, "p1", sent("@a:test"));
    shown.arrived(5, "p1");
    shown.sent(5, "p2", new Map([[1, { anew: true, userIds: ["@b:test"] }]]));
    shown.arrived(5, "p2");
    expect([shown.knows(5, 1, "@a:test"), shown.knows(5, 1, "@b:test")]).toEqual([false, true]);
  });
});
