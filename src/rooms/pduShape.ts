import { isCanonicalValue } from "../lib/canonicalJson";
import { type JsonObject, JsonNumber, type JsonValue, isJsonObject } from "../lib/json";
import type { Pdu } from "./event";
import { fitsId, isUserId } from "./ids";
import type { RoomVersion } from "./versions";

/** Canonical JSON of the whole event, signatures included. */
export const MAX_PDU_BYTES = 65_536;
export const MAX_PREV_EVENTS = 20;
export const MAX_AUTH_EVENTS = 10;

export type PduFaultName =
  | "not_an_object"
  | "not_canonical"
  | "bad_type"
  | "bad_sender"
  | "bad_room_id"
  | "bad_state_key"
  | "bad_content"
  | "bad_depth"
  | "bad_timestamp"
  | "bad_hashes"
  | "bad_signatures"
  | "bad_unsigned"
  | "bad_event_id"
  | "bad_prev_events"
  | "bad_auth_events"
  | "too_many_prev_events"
  | "too_many_auth_events"
  | "too_large";

/** Why something is no event of a room version: it is dropped, not rejected. */
export interface PduFault {
  readonly name: PduFaultName;
  readonly message: string;
}

const fault = (name: PduFaultName, message: string): PduFault => ({ name, message });

/** Checks the event format of a version (specification: rooms, "Event format"); undefined when it is a `Pdu`. `checkPduSize` is apart. */
export function checkPduShape(version: RoomVersion, value: JsonValue): PduFault | undefined {
  if (!isJsonObject(value)) return fault("not_an_object", "an event is a JSON object");
  if (version.canonicalJsonEnforced && !isCanonicalValue(value)) return fault("not_canonical", "holds what canonical JSON forbids");
  return checkIds(version, value) ?? checkFields(version, value) ?? checkRefs(version, value);
}

/** Checks the size of an event's canonical JSON. */
export function checkPduSize(json: string): PduFault | undefined {
  // Most texts are so short that not even three bytes a character could fill the limit.
  if (json.length * 3 <= MAX_PDU_BYTES || Buffer.byteLength(json) <= MAX_PDU_BYTES) return undefined;
  return fault("too_large", `an event has at most ${MAX_PDU_BYTES} bytes`);
}

function checkIds(version: RoomVersion, pdu: JsonObject): PduFault | undefined {
  if (!isShort(pdu["type"])) return fault("bad_type", "type must be a string of at most 255 bytes");
  if (!isUserId(pdu["sender"])) return fault("bad_sender", "sender must be a user id");
  if (pdu["state_key"] !== undefined && !isShort(pdu["state_key"])) {
    return fault("bad_state_key", "state_key must be a string of at most 255 bytes");
  }
  const roomIdAbsent = version.roomIds === "createHash" && pdu["type"] === "m.room.create";
  if (roomIdAbsent ? pdu["room_id"] !== undefined : !isId(pdu["room_id"], "!")) {
    return fault("bad_room_id", roomIdAbsent ? "a create event of this version has no room_id" : "room_id must be a room id");
  }
  if (version.eventIds === "opaque" && !isId(pdu["event_id"], "$")) return fault("bad_event_id", "event_id must be an event id");
  return undefined;
}

function checkFields(version: RoomVersion, pdu: JsonObject): PduFault | undefined {
  if (!isJsonObject(pdu["content"])) return fault("bad_content", "content must be an object");
  if (!isDepth(version, pdu["depth"])) return fault("bad_depth", `depth must be an integer from 0 to ${version.depthCap}`);
  if (!Number.isSafeInteger(pdu["origin_server_ts"])) return fault("bad_timestamp", "origin_server_ts must be an integer");
  if (!isJsonObject(pdu["hashes"]) || typeof pdu["hashes"]["sha256"] !== "string") return fault("bad_hashes", "hashes must hold sha256");
  if (!areSignatures(pdu["signatures"])) return fault("bad_signatures", "signatures must hold objects of strings");
  if (pdu["unsigned"] !== undefined && !isJsonObject(pdu["unsigned"])) return fault("bad_unsigned", "unsigned must be an object");
  return undefined;
}

function checkRefs(version: RoomVersion, pdu: JsonObject): PduFault | undefined {
  const { prev_events: prev, auth_events: auth } = pdu;
  const isRef = version.eventRefs === "ids" ? (ref: JsonValue) => isId(ref, "$") : isPair;
  if (!Array.isArray(prev) || !prev.every(isRef)) return fault("bad_prev_events", "prev_events must refer to events");
  if (!Array.isArray(auth) || !auth.every(isRef)) return fault("bad_auth_events", "auth_events must refer to events");
  if (prev.length > MAX_PREV_EVENTS) return fault("too_many_prev_events", `at most ${MAX_PREV_EVENTS} prev_events`);
  if (auth.length > MAX_AUTH_EVENTS) return fault("too_many_auth_events", `at most ${MAX_AUTH_EVENTS} auth_events`);
  return undefined;
}

/** PostgreSQL stores no NUL, and `stateKeyOf` relies on that. */
const isShort = (value: JsonValue | undefined): value is string => typeof value === "string" && fitsId(value);

const isId = (value: JsonValue | undefined, sigil: "!" | "$"): boolean => isShort(value) && value.startsWith(sigil) && value.length > 1;

const isPair = (ref: JsonValue): boolean => Array.isArray(ref) && ref.length === 2 && isId(ref[0], "$") && isJsonObject(ref[1]);

function isDepth(version: RoomVersion, value: JsonValue | undefined): boolean {
  if (value instanceof JsonNumber) return /^\d{1,19}$/.test(value.text) && BigInt(value.text) <= BigInt(version.depthCap);
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function areSignatures(value: JsonValue | undefined): value is Pdu["signatures"] {
  if (!isJsonObject(value)) return false;
  return Object.values(value).every((keys) => isJsonObject(keys) && Object.values(keys).every((text) => typeof text === "string"));
}
