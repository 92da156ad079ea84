import fc from "fast-check";
import { canonicalJson } from "../../../src/lib/canonicalJson";
import { type JsonObject, JsonNumber } from "../../../src/lib/json";
import { parseLosslessJson } from "../../../src/lib/jsonLossless";
import { type EventProto, addSignature, buildEvent } from "../../../src/rooms/buildEvent";
import type { Pdu } from "../../../src/rooms/event";
import { canonicalMembers, checkContentHash, contentHash, eventIdOf, referenceHash, signingText } from "../../../src/rooms/hashes";
import { parseEvent } from "../../../src/rooms/parseEvent";
import { checkPduShape, checkPduSize } from "../../../src/rooms/pduShape";
import { readPdu, requiredSigners } from "../../../src/rooms/readPdu";
import { redact } from "../../../src/rooms/redact";
import { signingKeyFromSeed, verifyKeyFromBase64 } from "../../../src/rooms/signing";
import { allVersions, everyVersion, requireVersion, versions } from "./fixtures/room";

const key = signingKeyFromSeed("a.test", "ed25519:a_1", Buffer.alloc(32, 9));
const publicKey = verifyKeyFromBase64(key.publicKey);

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const content = fc.dictionary(text, fc.oneof(text, fc.maxSafeInteger(), fc.constant(null), fc.dictionary(text, text, { maxKeys: 3 })), {
  maxKeys: 5,
});
const type = fc.constantFrom(
  "m.room.message",
  "m.room.member",
  "m.room.power_levels",
  "m.room.create",
  "m.room.redaction",
  "m.room.join_rules",
  "x",
);

function proto(versionId: string, parts: Partial<EventProto> = {}): EventProto {
  const { eventRefs, eventIds } = requireVersion(versionId);
  const ref = (name: string) => ({ eventId: `$${name}:a.test`, ...(eventRefs === "pairs" ? { sha256: "aGFzaA" } : {}) });
  return {
    ...{ type: "x", sender: "@a:a.test", roomId: "!r:a.test", content: {}, originServerTs: 1_700_000_000_000, depth: 7 },
    prevEvents: [ref("p")],
    authEvents: [ref("a1"), ref("a2")],
    ...(eventIds === "opaque" ? { eventId: "$id:a.test" } : {}),
    ...parts,
  };
}

test.each(everyVersion)("version %s: what is built is whole, signed, in shape and reads back the same", (id) => {
  const version = requireVersion(id);
  fc.assert(
    fc.property(
      content,
      type,
      fc.option(text, { nil: undefined }),
      fc.option(content, { nil: undefined }),
      fc.boolean(),
      (body, kind, stateKey, unsigned, redacts) => {
        const isCreate = version.roomIds === "createHash" && kind === "m.room.create";
        const { roomId, ...rest } = proto(id, { type: kind, content: body as JsonObject });
        const built = buildEvent(
          version,
          {
            ...rest,
            ...(isCreate ? {} : { roomId }),
            ...(stateKey === undefined ? {} : { stateKey }),
            ...(unsigned === undefined ? {} : { unsigned: unsigned as JsonObject }),
            ...(redacts ? { redacts: "$gone" } : {}),
          } as EventProto,
          key,
        );
        const { pdu } = built.event;
        expect(built.json).toBe(canonicalJson(pdu));
        expect(checkPduShape(version, parseLosslessJson(built.json))).toBeUndefined();
        expect(checkContentHash(pdu)).toBe(true);
        expect(pdu.hashes).toEqual({ sha256: contentHash(pdu) });
        expect(eventIdOf(version, pdu)).toBe(built.event.eventId);
        expect(eventIdOf(version, redact(version, pdu))).toBe(built.event.eventId);
        const covered = signingText(version, canonicalMembers(pdu), pdu);
        expect(pdu.signatures).toEqual({ "a.test": { "ed25519:a_1": key.sign(covered) } });
        const read = readPdu(version, parseLosslessJson(built.json));
        if ("fault" in read) throw new Error(read.fault.message);
        expect(read).toMatchObject({ signingText: covered, redacted: false, signers: ["a.test"] });
        const { unsigned: _unsigned, ...bare } = pdu;
        expect(read.event).toEqual(parseEvent(version, bare as Pdu));
        expect(read.json).toBe(canonicalJson(bare));
      },
    ),
    { numRuns: 60 },
  );
});

test.each(allVersions)("version %s: a signature covers what redaction leaves", (id) => {
  const version = requireVersion(id);
  const { event } = buildEvent(version, proto(id, { content: { body: "hello" } }), key);
  const signature = String((event.pdu.signatures["a.test"] as JsonObject)["ed25519:a_1"]);
  const covered = (pdu: Pdu): string => signingText(version, canonicalMembers(pdu), pdu);
  expect(publicKey?.verifies(covered(event.pdu), signature)).toBe(true);
  expect(publicKey?.verifies(covered(redact(version, event.pdu)), signature)).toBe(true);
  expect(publicKey?.verifies(covered({ ...event.pdu, content: { body: "other" } }), signature)).toBe(true);
  expect(publicKey?.verifies(covered({ ...event.pdu, sender: "@b:a.test" }), signature)).toBe(false);
  expect(checkContentHash({ ...event.pdu, content: { body: "other" } })).toBe(false);
});

test.each(allVersions)("version %s: a changed event is read as its redacted copy", (id) => {
  const version = requireVersion(id);
  const { event } = buildEvent(version, proto(id, { content: { body: "hello" } }), key);
  const read = readPdu(version, { ...event.pdu, content: { body: "bye" }, extra: 1 });
  if ("fault" in read) throw new Error(read.fault.message);
  expect(read.redacted).toBe(true);
  expect(read.event.eventId).toBe(event.eventId);
  expect(read.event.content).toEqual({});
  expect(JSON.parse(read.json)).toEqual(redact(version, event.pdu));
});

test("event ids have the form of their version", () => {
  const ids = allVersions.map((id) => buildEvent(requireVersion(id), proto(id), key).event.eventId);
  expect(ids.slice(0, 2)).toEqual(["$id:a.test", "$id:a.test"]);
  expect(ids[2]).toMatch(/^\$[A-Za-z0-9+/]{43}$/);
  for (const eventId of ids.slice(3)) expect(eventId).toMatch(/^\$[A-Za-z0-9_-]{43}$/);
});

test("version 3 and 4 differ in the alphabet alone", () => {
  const [v3, v4] = ["3", "4"].map((id) => buildEvent(requireVersion(id), proto(id), key).event);
  if (!v3 || !v4) throw new Error("no event");
  expect(v3.eventId.replaceAll("+", "-").replaceAll("/", "_")).toBe(v4.eventId);
  expect(v3.eventId).toBe(`$${referenceHash(v3.version, v3.pdu)}`);
});

test("the room of version 12 is named after its create event", () => {
  const { roomId: _roomId, ...create } = proto("12", { type: "m.room.create", stateKey: "", prevEvents: [], authEvents: [] });
  const { event } = buildEvent(requireVersion("12"), create, key);
  expect(event.roomId).toBe(`!${event.eventId.slice(1)}`);
  expect(event.pdu.room_id).toBeUndefined();
});

test.each(versions(1, 2))("version %s refers to events by id and hash", (id) => {
  const { event } = buildEvent(requireVersion(id), proto(id), key);
  expect(event.pdu.prev_events).toEqual([["$p:a.test", { sha256: "aGFzaA" }]]);
  expect(event.prevEvents).toEqual(["$p:a.test"]);
  expect(event.authEvents).toEqual(["$a1:a.test", "$a2:a.test"]);
  expect(() => buildEvent(requireVersion(id), { ...proto(id), authEvents: [{ eventId: "$x" }] }, key)).toThrow(TypeError);
});

test.each(allVersions)("version %s: a redaction names its target in the right place", (id) => {
  const version = requireVersion(id);
  const { event } = buildEvent(version, proto(id, { type: "m.room.redaction", redacts: "$gone", content: { reason: "spam" } }), key);
  expect(event.redacts).toBe("$gone");
  const inContent = version.redactsIn === "content";
  expect(event.pdu.redacts).toBe(inContent ? undefined : "$gone");
  expect(event.content).toEqual(inContent ? { reason: "spam", redacts: "$gone" } : { reason: "spam" });
});

test("a depth beyond counting stays at the cap", () => {
  const old = buildEvent(requireVersion("1"), proto("1", { depth: 2 ** 60 }), key);
  expect(old.json).toContain('"depth":9223372036854775807,');
  expect(old.event.depth).toBe(Number.MAX_SAFE_INTEGER);
  expect(checkPduShape(requireVersion("1"), parseLosslessJson(old.json))).toBeUndefined();
  const recent = buildEvent(requireVersion("6"), proto("6", { depth: 2 ** 60 }), key);
  expect(recent.json).toContain('"depth":9007199254740991,');
});

test("numbers of old rooms keep their text, so that hashes match", () => {
  const version = requireVersion("5");
  const numbers = { float: new JsonNumber("1.50"), large: new JsonNumber("9007199254740993"), exponent: new JsonNumber("1E5") };
  const { json, event } = buildEvent(version, proto("5", { content: numbers }), key);
  expect(json).toContain('{"exponent":1E5,"float":1.50,"large":9007199254740993}');
  const read = readPdu(version, parseLosslessJson(json));
  expect(read).toMatchObject({ redacted: false, json, event: { eventId: event.eventId } });
});

test("signatures can be added", () => {
  const built = buildEvent(requireVersion("11"), proto("11"), key);
  const signed = addSignature(built, "policy.test", { "ed25519:policy_server": "sig" });
  expect(signed.event.eventId).toBe(built.event.eventId);
  expect(signed.json).toBe(canonicalJson(signed.event.pdu));
  expect(Object.keys(signed.event.pdu.signatures)).toEqual(["a.test", "policy.test"]);
});

describe("required signatures", () => {
  const signers = (id: string, parts: Partial<EventProto>) =>
    requiredSigners(requireVersion(id), buildEvent(requireVersion(id), proto(id, parts), key).event.pdu).sort();
  const via = { membership: "join", join_authorised_via_users_server: "@v:v.test" };

  test.each(allVersions)("version %s", (id) => {
    const opaque = requireVersion(id).eventIds === "opaque";
    expect(signers(id, { sender: "@b:b.test" })).toEqual(opaque ? ["a.test", "b.test"] : ["b.test"]);
    const invite = { type: "m.room.member", stateKey: "@x:x.test", content: { membership: "invite", third_party_invite: {} } };
    expect(signers(id, invite)).toEqual(opaque ? ["a.test"] : []);
    const restricted = requireVersion(id).auth.restrictedJoins;
    expect(signers(id, { type: "m.room.member", stateKey: "@a:a.test", content: via })).toEqual(
      restricted ? ["a.test", "v.test"] : ["a.test"],
    );
  });
});

test.each([
  [65_536, undefined],
  [65_537, "too_large"],
])("an event of %i bytes: %s", (size, name) => {
  const json = (padding: number) => `{"a":"${"é".repeat(padding / 2)}${padding % 2 ? "x" : ""}"}`;
  expect(checkPduSize(json(size - 8))?.name).toBe(name);
});
