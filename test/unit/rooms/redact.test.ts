import fc from "fast-check";
import type { JsonObject } from "../../../src/lib/json";
import type { Pdu } from "../../../src/rooms/event";
import { redact, redactContent } from "../../../src/rooms/redact";
import { allVersions, requireVersion, versions } from "./fixtures/room";

const levels = ["ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"];
const kept: [type: string, versions: string[], keys: string[]][] = [
  ["m.room.member", versions(1, 8), ["membership"]],
  ["m.room.member", versions(9), ["membership", "join_authorised_via_users_server"]],
  ["m.room.create", versions(1, 10), ["creator"]],
  ["m.room.join_rules", versions(1, 7), ["join_rule"]],
  ["m.room.join_rules", versions(8), ["join_rule", "allow"]],
  ["m.room.power_levels", versions(1, 10), levels],
  ["m.room.power_levels", versions(11), [...levels, "invite"]],
  ["m.room.history_visibility", allVersions, ["history_visibility"]],
  ["m.room.aliases", versions(1, 5), ["aliases"]],
  ["m.room.aliases", versions(6), []],
  ["m.room.redaction", versions(1, 10), []],
  ["m.room.redaction", versions(11), ["redacts"]],
  ["m.room.message", allVersions, []],
  ["constructor", allVersions, []],
  ["__proto__", allVersions, []],
];
const everyKey = [...new Set(kept.flatMap(([, , keys]) => keys)), "notifications", "body", "displayname", "m.federate", "__proto__"];

test.each(kept)("%s in %j keeps %j", (type, ids, keys) => {
  const content = Object.fromEntries(everyKey.map((key) => [key, `value of ${key}`]));
  for (const id of ids)
    expect(redactContent(requireVersion(id), type, content)).toEqual(Object.fromEntries(keys.map((key) => [key, `value of ${key}`])));
});

test.each(versions(11))("version %s keeps the whole create event", (id) => {
  const content: JsonObject = { room_version: id, "m.federate": true, anything: [1] };
  expect(redactContent(requireVersion(id), "m.room.create", content)).toEqual(content);
});

test.each(allVersions)("version %s: of a third-party invite, `signed` alone is ever kept", (id) => {
  const invite = (third_party_invite: JsonObject | string) =>
    redactContent(requireVersion(id), "m.room.member", { membership: "invite", third_party_invite });
  const keeps = requireVersion(id).redaction.keepsThirdPartySigned;
  expect(invite({ signed: { token: "t" }, display_name: "x" })).toEqual({
    membership: "invite",
    ...(keeps ? { third_party_invite: { signed: { token: "t" } } } : {}),
  });
  expect(invite({ display_name: "x" })).toEqual({ membership: "invite" });
  expect(invite("x")).toEqual({ membership: "invite" });
});

const common = [
  "event_id",
  "type",
  "room_id",
  "sender",
  "state_key",
  "hashes",
  "signatures",
  "depth",
  "prev_events",
  "auth_events",
  "origin_server_ts",
];
const legacy = ["prev_state", "origin", "membership"];

test.each(allVersions)("version %s: the top level", (id) => {
  const everything = Object.fromEntries([...common, ...legacy, "unsigned", "redacts", "age", "other"].map((key) => [key, key]));
  const redacted = redact(requireVersion(id), { ...everything, content: {} } as unknown as Pdu);
  expect(Object.keys(redacted).sort()).toEqual(["content", ...common, ...(Number(id) <= 10 ? legacy : [])].sort());
});

test.each(allVersions)("version %s: redacting again changes nothing", (id) => {
  const version = requireVersion(id);
  fc.assert(
    fc.property(
      fc.constantFrom(...kept.map(([type]) => type), "m.room.topic"),
      fc.dictionary(fc.constantFrom(...everyKey, "third_party_invite"), fc.jsonValue()),
      (type, content) => {
        const once = redact(version, { type, content, unsigned: {}, other: 1, sender: "@a:a.test" } as unknown as Pdu);
        expect(redact(version, once)).toEqual(once);
      },
    ),
    { numRuns: 200 },
  );
});
