import { check } from "./checker";
import type { History, Operation, Outcome, Reader, SeenEvent } from "./history";
import { unavailability } from "./report";
import { makeSchedule } from "./schedule";

const event = (n: number): SeenEvent => ({ id: `$${n}`, body: `a ${n}` });
const operation = (given: Partial<Operation>): Operation => ({
  client: "a",
  what: "event",
  key: "a 1",
  target: "!room",
  invoked: 0,
  acknowledged: 1,
  result: "$1",
  unknown: 0,
  ...given,
});

interface Case {
  readonly operations?: readonly Operation[];
  readonly repeated?: string;
  readonly refusals?: readonly string[];
  readonly reader?: Partial<Omit<Reader, "rooms">> & { readonly events?: readonly SeenEvent[] };
  readonly readings?: readonly (readonly SeenEvent[])[];
  readonly outcome?: Partial<Outcome>;
}

const sound = [
  operation({}),
  operation({ key: "a 2", result: "$2" }),
  operation({ what: "to-device", key: "a 3", target: "b", result: "" }),
  operation({ what: "to-device", key: "a 4", target: "b", result: "" }),
  operation({ what: "claim", key: "5", target: "b", result: "b 0" }),
  operation({ what: "account data", key: "6", target: "", result: "" }),
];

/** A history in which everything is right, but for what the case says. */
function problemsOf({ operations = sound, repeated = "$1", refusals = [], reader = {}, readings, outcome }: Case): string[] {
  const [first] = operations as [Operation];
  const history: History = {
    operations: [...operations],
    repetitions: [{ of: first, result: repeated }],
    readers: [
      {
        client: "b",
        toDevice: ["a 3", "a 4"],
        limited: [],
        ...reader,
        rooms: new Map([["!room", [...(reader.events ?? [event(1), event(2)])]]]),
      },
    ],
    uploadedKeys: new Map([["b", ["b 0", "b 1"]]]),
    refusals: [...refusals],
  };
  return check(history, {
    rooms: new Map([["!room", readings ?? [[event(1), event(2)]]]]),
    keysLeft: new Map([["b", 1]]),
    accountData: new Map([["a", ["6", "6"]]]),
    spoiltUploads: [],
    deliveries: [{ to: "other", rooms: new Set(["!room"]), bodies: new Set(["a 2"]), fetchesMissing: true }],
    ...outcome,
  });
}

test("a sound history passes", () => {
  expect(problemsOf({})).toEqual([]);
  // a claim without an answer may have cost a key, and what was not acknowledged yet may be there
  const claims = [...sound, operation({ what: "claim", key: "7", target: "b", result: "none", unknown: 1 })].slice(0, 6);
  expect(problemsOf({ operations: claims })).toEqual([]);
});

test.each<[string, Case, RegExp]>([
  ["an event is lost", { readings: [[event(1)]], reader: { events: [event(1)] } }, /lost: event a 2/],
  ["an event is there twice", { readings: [[event(1), event(2), event(2)]] }, /twice in !room/],
  ["a message was sent twice", { readings: [[event(1), event(2), { id: "$3", body: "a 2" }]] }, /sent twice/],
  [
    "an answer names another event",
    { operations: [operation({ result: "$2" }), ...sound.slice(1)], repeated: "$2" },
    /answered with the event of/,
  ],
  [
    "processes disagree",
    {
      readings: [
        [event(1), event(2)],
        [event(2), event(1)],
      ],
    },
    /differently/,
  ],
  ["a reader missed an event", { reader: { events: [event(1)] } }, /missed 1 \(a 2\)/],
  ["a reader missed the first event", { reader: { events: [event(2)] } }, /missed 1 \(a 1\)/],
  ["a reader got an event twice", { reader: { events: [event(1), event(2), event(1)] } }, /got \$1 twice/],
  ["a reader got another order", { reader: { events: [event(2), event(1)] } }, /ordered from number 0 on/],
  ["a reader got what is not there", { reader: { events: [event(1), event(2), event(3)] } }, /besides 1 \(a 3\)/],
  ["a timeline has a gap", { reader: { limited: ["!room"] } }, /left out/],
  ["a repetition made another event", { repeated: "$9" }, /repeated, event a 1 of a became \$9/],
  ["a message to a device is lost", { reader: { toDevice: ["a 3"] } }, /never got to-device a 4/],
  ["a message to a device came twice", { reader: { toDevice: ["a 3", "a 4", "a 4"] } }, /a 4 twice/],
  ["messages to a device came in another order", { reader: { toDevice: ["a 4", "a 3"] } }, /another order/],
  ["a message to a device came from nowhere", { reader: { toDevice: ["a 3", "a 4", "a 9"] } }, /nobody sent/],
  ["a key was given twice", { operations: [...sound, operation({ what: "claim", key: "7", target: "b", result: "b 0" })] }, /given twice/],
  [
    "a key is another device's",
    { operations: [...sound.slice(0, 4), operation({ what: "claim", target: "b", result: "c 0" })] },
    /none of b/,
  ],
  ["a key is gone", { outcome: { keysLeft: new Map([["b", 0]]) } }, /1 keys of b are gone/],
  ["account data is old", { outcome: { accountData: new Map([["a", ["6", "5"]]]) } }, /account data of a is 5/],
  ["an upload is spoilt", { outcome: { spoiltUploads: ["mxc://a/b"] } }, /not as it was/],
  [
    "another server missed a message",
    { outcome: { deliveries: [{ to: "x", rooms: new Set(["!room"]), bodies: new Set(["a 1"]), fetchesMissing: true }] } },
    /never sent to x/,
  ],
  [
    "a phone missed a message",
    { outcome: { deliveries: [{ to: "x", rooms: new Set(["!room"]), bodies: new Set(["a 2"]), fetchesMissing: false }] } },
    /never sent to x: event a 1/,
  ],
  [
    "something was never acknowledged",
    { operations: [...sound, { ...operation({ key: "a 9" }), acknowledged: undefined } as never] },
    /never acknowledged/,
  ],
  ["something was refused", { refusals: ["event: 403"] }, /refused/],
])("found: %s", (_what, given, wanted) => {
  expect(problemsOf(given).join("\n")).toMatch(wanted);
});

test("the longest wait during each fault counts", () => {
  const fault = { kind: "kill", target: "main", holdMs: 0, pauseMs: 0 } as const;
  const faults = [
    { ...fault, from: 100, to: 200 },
    { ...fault, from: 10_000, to: 10_100 },
  ];
  const operations = [
    operation({ invoked: 50, acknowledged: 90 }),
    operation({ invoked: 150, acknowledged: 900 }),
    operation({ invoked: 9_000, acknowledged: 10_001 }),
  ];
  expect(unavailability(faults, operations)).toEqual([{ kind: "kill", count: 2, medianMs: 1_001, worstMs: 1_001 }]);
});

test("a seed gives the same faults again, and another one others", () => {
  const options = { totalMs: 60_000, maxFreezeMs: 5_000, processes: ["main", "worker"], extra: ["more"] };
  expect(makeSchedule({ ...options, seed: 1 })).toEqual(makeSchedule({ ...options, seed: 1 }));
  expect(makeSchedule({ ...options, seed: 1 })).not.toEqual(makeSchedule({ ...options, seed: 2 }));
  const long = makeSchedule({ ...options, seed: 3, totalMs: 400_000 });
  expect(new Set(long.map(({ kind }) => kind)).size).toBe(9);
  expect(long.every(({ kind, holdMs }) => holdMs <= (kind.endsWith("freeze") ? 5_000 : 6_000))).toBe(true);
});
