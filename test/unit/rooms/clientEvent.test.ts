import fc from "fast-check";
import { type JsonObject, JsonNumber } from "../../../src/lib/json";
import {
  legacyClientEvent,
  renderClientEvent,
  renderFederationEvent,
  strippedStateEvent,
  withUnsigned,
} from "../../../src/rooms/clientEvent";
import { allVersions, room } from "./fixtures/room";

const A = "@a:a.test";

test.each(allVersions)("version %s: the fields of a client event", (version) => {
  const { event } = room(version);
  const sent = event({ type: "x", sender: A, stateKey: "k", content: { body: 'quo"te\u0001' }, unsigned: { secret: 1 } });
  const expected = {
    content: sent.content,
    event_id: sent.eventId,
    origin_server_ts: sent.originServerTs,
    sender: A,
    state_key: "k",
    type: "x",
  };
  expect(JSON.parse(withUnsigned(renderClientEvent(sent), {}))).toEqual({ ...expected, room_id: sent.roomId });
  expect(JSON.parse(withUnsigned(renderClientEvent(sent, "withoutRoomId"), '{"age":5}'))).toEqual({ ...expected, unsigned: { age: 5 } });
  expect(JSON.parse(withUnsigned(renderClientEvent(sent), { age: 5 }))).toEqual({
    ...expected,
    room_id: sent.roomId,
    unsigned: { age: 5 },
  });
});

test.each(allVersions)("version %s: clients find the target of a redaction in both places", (version) => {
  const { event } = room(version);
  const sent = event({ type: "m.room.redaction", sender: A, redacts: "$gone:a.test", content: { reason: "r" } });
  const shown = JSON.parse(withUnsigned(renderClientEvent(sent), {})) as JsonObject;
  expect(shown).toMatchObject({ redacts: "$gone:a.test", content: { redacts: "$gone:a.test", reason: "r" } });
  expect(shown).not.toHaveProperty("state_key");
});

test("whatever the content, the text is JSON and says the same", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("5", "11"),
      fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue({ noUnicodeString: false } as never)),
      (version, content) => {
        const sent = room(version).event({ type: "x", content: content as JsonObject });
        expect(JSON.parse(withUnsigned(renderClientEvent(sent), {}))).toMatchObject({
          content: JSON.parse(JSON.stringify(content)) as JsonObject,
        });
      },
    ),
    { numRuns: 200 },
  );
});

test("numbers of old rooms are shown as they were written", () => {
  const sent = room("5").event({ type: "x", content: { n: new JsonNumber("9007199254740993"), f: new JsonNumber("1.50") } });
  expect(renderClientEvent(sent).head).toContain('"content":{"f":1.50,"n":9007199254740993}');
});

test("the legacy format repeats fields at the top", () => {
  const { event } = room("11");
  const sent = event({ type: "x", sender: A });
  expect(JSON.parse(legacyClientEvent(sent, { age: 3, prev_content: { a: 1 }, transaction_id: "t" }))).toMatchObject({
    ...{ user_id: A, sender: A, age: 3, prev_content: { a: 1 } },
    unsigned: { age: 3, prev_content: { a: 1 }, transaction_id: "t" },
  });
});

test.each(allVersions)("version %s: the federation format is the event and its id", (version) => {
  const sent = room(version).event({ type: "x", unsigned: { age_ts: 1 } });
  const { unsigned: _unsigned, ...pdu } = sent.pdu;
  expect(JSON.parse(withUnsigned(renderFederationEvent(sent), { age: 1 }))).toEqual({
    ...pdu,
    event_id: sent.eventId,
    unsigned: { age: 1 },
  });
});

test("stripped state", () => {
  const sent = room("11").event({ type: "m.room.name", sender: A, stateKey: "", content: { name: "n" } });
  expect(strippedStateEvent(sent)).toEqual({ type: "m.room.name", sender: A, state_key: "", content: { name: "n" } });
});
