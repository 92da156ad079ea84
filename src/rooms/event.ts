import type { JsonObject, JsonValue } from "../lib/json";
import type { RoomVersion } from "./versions";

/** A PDU as it is signed and hashed. Field by field the union of all event formats (specification: server-server API, "PDUs"). */
export interface Pdu extends JsonObject {
  type: string;
  sender: string;
  /** Absent in the create event of version 12 alone. */
  room_id?: string;
  state_key?: string;
  content: JsonObject;
  depth: number;
  origin_server_ts: number;
  /** Ids, or in versions 1 and 2 pairs of id and hashes. */
  prev_events: JsonValue[];
  auth_events: JsonValue[];
  hashes: JsonObject;
  signatures: JsonObject;
  unsigned?: JsonObject;
  redacts?: string;
  event_id?: string;
}

/** An event parsed once, with the fields that rules and reads need beside the PDU. Immutable. */
export interface RoomEvent {
  readonly eventId: string;
  /** Derived from the event id for the create event of version 12. */
  readonly roomId: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  readonly sender: string;
  readonly content: JsonObject;
  readonly depth: number;
  readonly originServerTs: number;
  readonly prevEvents: readonly string[];
  readonly authEvents: readonly string[];
  /** Of the top level or of the content, as the room version has it. */
  readonly redacts: string | undefined;
  readonly version: RoomVersion;
  readonly pdu: Pdu;
}

/** A reference to an event from prev_events or auth_events. Versions 1 and 2 carry the reference hash beside the id. */
export interface EventRef {
  readonly eventId: string;
  /** Unpadded base64 SHA-256 reference hash; needed in versions 1 and 2 alone. */
  readonly sha256?: string;
}

/** A verdict of an authorisation rule. Rejection is normal, so it is a value and not an exception. */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };
export const allow: Verdict = { allowed: true };
export const reject = (reason: string): Verdict => ({ allowed: false, reason });

/** Looks a state event up in some resolved state. */
export type StateLookup = (type: string, stateKey: string) => RoomEvent | undefined;

/** An ed25519 key that signs for this server. */
export interface SigningKey {
  readonly serverName: string;
  /** Such as `ed25519:a_abcd`. */
  readonly keyId: string;
  /** Signs the UTF-8 bytes of text; unpadded base64. */
  sign(text: string): string;
}
