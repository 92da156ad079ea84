import { canonicalJson } from "../lib/canonicalJson";
import { type JsonValue, own } from "../lib/json";
import type { Pdu, RoomEvent } from "./event";
import { type Digest, digest } from "./hashes";
import { domainOf } from "./ids";
import { parseEvent } from "./parseEvent";
import { type PduFault, checkPduShape, checkPduSize } from "./pduShape";
import { redact } from "./redact";
import type { RoomVersion } from "./versions";

/** A received event that has the right form. Its signatures are still to be checked: each of `signers` over `signingText`. */
export interface ReceivedPdu {
  readonly event: RoomEvent;
  /** Canonical JSON of the event, to be stored. */
  readonly json: string;
  readonly signingText: string;
  /** The servers that must have signed. */
  readonly signers: readonly string[];
  /** The content hash did not match: `event` and `json` are the redacted copy. */
  readonly redacted: boolean;
}

/**
 * The first and third of the checks on receipt (specification: server-server API, "Checks performed on receipt of a PDU"): format and
 * content hash. Parse the text with `parseLosslessJson`, or floats and large integers go unnoticed. `unsigned` is left out, as any server
 * on the way may have written there.
 */
export function readPdu(version: RoomVersion, value: JsonValue): { readonly fault: PduFault } | ReceivedPdu {
  const fault = checkPduShape(version, value);
  if (fault) return { fault };
  const { unsigned: _unsigned, ...pdu } = value as Pdu;
  const read = digest(version, pdu);
  const size = checkPduSize(read.json);
  if (size) return { fault: size };
  return received(version, pdu, read);
}

function received(version: RoomVersion, pdu: Pdu, { eventId, signingText, contentHashMatches, json }: Digest): ReceivedPdu {
  const whole = contentHashMatches ? pdu : redact(version, pdu);
  return {
    event: parseEvent(version, whole, eventId),
    json: contentHashMatches ? json : canonicalJson(whole),
    signingText,
    signers: requiredSigners(version, pdu),
    redacted: !contentHashMatches,
  };
}

/**
 * The servers whose signature an event needs (specification: "Validating hashes and signatures on received events"): the sender's, in
 * versions 1 and 2 the event id's, from version 8 on the authorising user's. A third-party invite may come from any server.
 */
export function requiredSigners(version: RoomVersion, pdu: Pdu): string[] {
  const signers = new Set<string | undefined>();
  const isMember = pdu.type === "m.room.member";
  const membership = isMember ? own(pdu.content, "membership") : undefined;
  const isThirdPartyInvite = membership === "invite" && own(pdu.content, "third_party_invite") !== undefined;
  if (!isThirdPartyInvite) signers.add(domainOf(pdu.sender));
  if (version.eventIds === "opaque") signers.add(domainOf(pdu.event_id ?? ""));
  const via = isMember && version.auth.restrictedJoins ? own(pdu.content, "join_authorised_via_users_server") : undefined;
  if (typeof via === "string") signers.add(domainOf(via));
  return [...signers].filter((signer) => signer !== undefined);
}
