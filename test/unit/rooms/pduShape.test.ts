import { type JsonObject, JsonNumber, type JsonValue } from "../../../src/lib/json";
import { type PduFaultName, checkPduShape } from "../../../src/rooms/pduShape";
import { allVersions, requireVersion, versions } from "./fixtures/room";

function pdu(versionId: string): JsonObject {
  const { eventRefs, eventIds } = requireVersion(versionId);
  const ref: JsonValue = eventRefs === "pairs" ? ["$p:a.test", { sha256: "x" }] : "$p";
  return {
    ...{ type: "x", sender: "@a:a.test", room_id: "!r:a.test", content: {}, depth: 3, origin_server_ts: 5 },
    ...{ prev_events: [ref], auth_events: [ref], hashes: { sha256: "x" }, signatures: { "a.test": { "ed25519:1": "x" } } },
    ...(eventIds === "opaque" ? { event_id: "$e:a.test" } : {}),
  };
}

const long = "x".repeat(256);
const wide = "é".repeat(128);

interface Case {
  readonly change: (pdu: JsonObject) => JsonObject;
  readonly versions?: readonly string[];
  readonly fault?: PduFaultName;
}
const set = (change: JsonObject) => (base: JsonObject) => ({ ...base, ...change });
const many = (key: string, count: number) => (base: JsonObject) => ({
  ...base,
  [key]: Array.from({ length: count }, () => (base[key] as JsonValue[])[0] as JsonValue),
});

const cases: Case[] = [
  { change: set({}) },
  { change: set({ state_key: "", unsigned: {}, redacts: "$x", unknown: [] }) },
  { change: set({ type: "é".repeat(127) }) },
  { change: set({ type: "" }) },
  ...[undefined, 1, long, wide, "a\0b"].map((type): Case => ({ change: set({ type }), fault: "bad_type" })),
  ...[undefined, 1, "a", "@a", "@a:", "a:a.test", `@${long}:a.test`].map((sender): Case => ({
    change: set({ sender }),
    fault: "bad_sender",
  })),
  ...["@:a.test", "@A B:a.test", "@a:b:8448", "@a:[::1]:8448"].map((sender): Case => ({ change: set({ sender }) })),
  ...[null, 1, long, "a\0"].map((state_key): Case => ({ change: set({ state_key }), fault: "bad_state_key" })),
  ...[undefined, 1, "r", "!", `!${long}`].map((room_id): Case => ({ change: set({ room_id }), fault: "bad_room_id" })),
  { change: set({ type: "m.room.create", room_id: undefined }), versions: ["12"] },
  { change: set({ type: "m.room.create" }), versions: ["12"], fault: "bad_room_id" },
  { change: set({ type: "m.room.create", room_id: undefined }), versions: versions(1, 11), fault: "bad_room_id" },
  ...[undefined, "x", [], null].map((content): Case => ({ change: set({ content }), fault: "bad_content" })),
  ...[undefined, "1", -1, null].map((depth): Case => ({ change: set({ depth }), fault: "bad_depth" })),
  { change: set({ depth: 1.5 }), versions: versions(1, 5), fault: "bad_depth" },
  { change: set({ depth: 2 ** 53 - 1 }) },
  { change: set({ depth: new JsonNumber("9223372036854775807") }), versions: versions(1, 5) },
  { change: set({ depth: new JsonNumber("9223372036854775808") }), versions: versions(1, 5), fault: "bad_depth" },
  { change: set({ depth: new JsonNumber("1e3") }), versions: versions(1, 5), fault: "bad_depth" },
  { change: set({ depth: new JsonNumber("9007199254740992") }), versions: versions(6), fault: "not_canonical" },
  ...[undefined, "1", null].map((origin_server_ts): Case => ({ change: set({ origin_server_ts }), fault: "bad_timestamp" })),
  ...[undefined, {}, { sha256: 1 }, []].map((hashes): Case => ({ change: set({ hashes: hashes as JsonValue }), fault: "bad_hashes" })),
  ...[undefined, [], { "a.test": "x" }, { "a.test": { k: 1 } }].map((signatures): Case => ({
    change: set({ signatures: signatures as JsonValue }),
    fault: "bad_signatures",
  })),
  { change: set({ unsigned: "x" }), fault: "bad_unsigned" },
  ...[undefined, "e", "$", `$${long}`].map((event_id): Case => ({
    change: set({ event_id }),
    versions: ["1", "2"],
    fault: "bad_event_id",
  })),
  ...[undefined, {}, [1], [["$x"]], [["$x", 1]], [null]].map((prev_events): Case => ({
    change: set({ prev_events: prev_events as JsonValue }),
    fault: "bad_prev_events",
  })),
  ...[undefined, {}, [1], [[1, {}]], ["x"]].map((auth_events): Case => ({
    change: set({ auth_events: auth_events as JsonValue }),
    fault: "bad_auth_events",
  })),
  { change: set({ prev_events: ["$x"] }), versions: ["1", "2"], fault: "bad_prev_events" },
  { change: set({ prev_events: [["$x", {}]] }), versions: versions(3), fault: "bad_prev_events" },
  { change: set({ prev_events: [], auth_events: [] }) },
  { change: many("prev_events", 20) },
  { change: many("prev_events", 21), fault: "too_many_prev_events" },
  { change: many("auth_events", 10) },
  { change: many("auth_events", 11), fault: "too_many_auth_events" },
  ...[1.5, -0, 2 ** 53, new JsonNumber("1.0")].flatMap((value): Case[] => [
    { change: set({ content: { deep: [{ value }] } }), versions: versions(6), fault: "not_canonical" },
    { change: set({ content: { deep: [{ value }] } }), versions: versions(1, 5) },
  ]),
];

test.each(allVersions)("version %s", (version) => {
  for (const { change, versions: only = allVersions, fault } of cases) {
    if (!only.includes(version)) continue;
    const changed = change(pdu(version));
    expect({ changed, fault: checkPduShape(requireVersion(version), changed)?.name }).toEqual({ changed, fault });
  }
});

test.each([null, 1, "x", [], new JsonNumber("1.0")])("%j is no event", (value) => {
  expect(checkPduShape(requireVersion("11"), value)?.name).toBe("not_an_object");
});
