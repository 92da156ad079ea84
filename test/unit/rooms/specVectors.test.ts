import { canonicalJson } from "../../../src/lib/canonicalJson";
import type { JsonObject } from "../../../src/lib/json";
import type { Pdu } from "../../../src/rooms/event";
import { canonicalMembers, checkContentHash, contentHash, signingText } from "../../../src/rooms/hashes";
import { signJson, signingKeyFromSeed, verifyJson, verifyKeyFromBase64 } from "../../../src/rooms/signing";
import { roomVersion } from "../../../src/rooms/versions";

const key = signingKeyFromSeed("domain", "ed25519:1", Buffer.from("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1", "base64"));
const v1 = roomVersion("1");
if (!v1) throw new Error("no version 1");

// Specification: appendices, "Cryptographic Test Vectors".
test.each<[JsonObject, string]>([
  [{}, "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"],
  [{ one: 1, two: "Two" }, "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"],
])("signs %j", (object, signature) => {
  const signed = signJson(object, key);
  expect(signed).toEqual({ ...object, signatures: { domain: { "ed25519:1": signature } } });
  const verifyKey = verifyKeyFromBase64(key.publicKey);
  if (!verifyKey) throw new Error("no key");
  expect(verifyJson(signed, { serverName: "domain", keyId: "ed25519:1", key: verifyKey })).toBe(true);
  expect(verifyJson({ ...signed, one: 2 }, { serverName: "domain", keyId: "ed25519:1", key: verifyKey })).toBe(false);
});

test.each([
  {
    event: {
      ...{ room_id: "!x:domain", sender: "@a:domain", origin: "domain", origin_server_ts: 1000000, signatures: {}, hashes: {} },
      ...{ type: "X", content: {}, prev_events: [], auth_events: [], depth: 3, unsigned: { age_ts: 1000000 } },
    },
    hash: "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos",
    signature: "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg",
  },
  {
    event: {
      ...{ content: { body: "Here is the message content" }, event_id: "$0:domain", origin: "domain", origin_server_ts: 1000000 },
      ...{ type: "m.room.message", room_id: "!r:domain", sender: "@u:domain", signatures: {}, unsigned: { age_ts: 1000000 } },
    },
    hash: "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g",
    signature: "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA",
  },
])("hashes and signs the event $event.type", ({ event, hash, signature }) => {
  const pdu = event as unknown as Pdu;
  expect(contentHash(pdu)).toBe(hash);
  const hashed = { ...pdu, hashes: { sha256: hash } };
  expect(checkContentHash(hashed)).toBe(true);
  expect(key.sign(signingText(v1, canonicalMembers(hashed), hashed))).toBe(signature);
});

// Specification: appendices, "Canonical JSON", examples.
test.each([
  ["{}", "{}"],
  ['{ "one": 1, "two": "Two" }', '{"one":1,"two":"Two"}'],
  ['{ "b": "2", "a": "1" }', '{"a":"1","b":"2"}'],
  ['{"b":"2","a":"1"}', '{"a":"1","b":"2"}'],
  [
    '{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"medium":"email","address":"john.doe@example.org"},{"medium":"msisdn","address":"123456789"}]}}}',
    '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
  ],
  ['{"a":"日本語"}', '{"a":"日本語"}'],
  ['{"本":2,"日":1}', '{"日":1,"本":2}'],
  ['{"a":"\\u65E5"}', '{"a":"日"}'],
  ['{"a":null}', '{"a":null}'],
  ['{"a":-0,"b":1e10}', '{"a":0,"b":10000000000}'],
])("canonicalises %s", (source, canonical) => {
  expect(canonicalJson(JSON.parse(source))).toBe(canonical);
});
