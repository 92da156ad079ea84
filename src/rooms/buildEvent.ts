import { canonicalJson, quote } from "../lib/canonicalJson";
import { type JsonObject, JsonNumber, type JsonValue } from "../lib/json";
import type { EventRef, Pdu, RoomEvent, SigningKey } from "./event";
import { type Member, contentHashText, eventIdFrom, fullText, sha256, signingText } from "./hashes";
import { parseEvent } from "./parseEvent";
import type { RoomVersion } from "./versions";

/** An event to be. */
export interface EventProto {
  readonly type: string;
  readonly sender: string;
  /** Left out for the create event of version 12 alone. */
  readonly roomId?: string;
  readonly stateKey?: string;
  /** Canonical values only (`isCanonicalValue`) in version 6 and later. */
  readonly content: JsonObject;
  /** The target of a redaction; put where the version wants it. */
  readonly redacts?: string;
  readonly originServerTs: number;
  readonly depth: number;
  readonly prevEvents: readonly EventRef[];
  readonly authEvents: readonly EventRef[];
  readonly unsigned?: JsonObject;
  /** Versions 1 and 2 alone, where event ids are random. */
  readonly eventId?: string;
}

export interface BuiltEvent {
  readonly event: RoomEvent;
  /** Canonical JSON of the signed PDU, `unsigned` included if there is one. */
  readonly json: string;
}

/**
 * Hashes and signs an event (specification: server-server API, "Adding hashes and signatures to outgoing events"). The content is turned
 * into text once; what is hashed, signed and stored is put together from the same pieces.
 */
export function buildEvent(version: RoomVersion, proto: EventProto, key: SigningKey): BuiltEvent {
  const pdu = unsignedPdu(version, proto);
  const members = membersOf(pdu);
  const sha = sha256(contentHashText(members));
  pdu.hashes = { sha256: sha };
  insert(members, { key: "hashes", text: `"hashes":{"sha256":"${sha}"}` });
  const covered = signingText(version, members, pdu);
  const signature = key.sign(covered);
  pdu.signatures = { [key.serverName]: { [key.keyId]: signature } };
  insert(members, { key: "signatures", text: `"signatures":{${quote(key.serverName)}:{${quote(key.keyId)}:"${signature}"}}` });
  const eventId = version.eventIds === "opaque" ? proto.eventId : eventIdFrom(version.eventIds, covered);
  return { event: parseEvent(version, pdu, eventId), json: fullText(members) };
}

/** Adds a signature to an event of ours, such as a policy server's, and returns its new text. */
export function addSignature({ event }: BuiltEvent, serverName: string, signatures: JsonObject): BuiltEvent {
  const pdu: Pdu = { ...event.pdu, signatures: { ...event.pdu.signatures, [serverName]: signatures } };
  return { event: { ...event, pdu }, json: canonicalJson(pdu) };
}

/** The PDU in canonical order of keys, with `hashes` and `signatures` still to come. */
function unsignedPdu(version: RoomVersion, proto: EventProto): Pdu {
  const { redacts } = proto;
  const redactsInContent = redacts !== undefined && version.redactsIn === "content";
  const pdu: JsonObject = {
    auth_events: refs(version, proto.authEvents),
    content: redactsInContent ? { ...proto.content, redacts } : proto.content,
    depth: cappedDepth(version, proto.depth),
  };
  if (version.eventIds === "opaque") pdu["event_id"] = proto.eventId ?? missing("eventId");
  pdu["hashes"] = {};
  pdu["origin_server_ts"] = proto.originServerTs;
  pdu["prev_events"] = refs(version, proto.prevEvents);
  if (redacts !== undefined && !redactsInContent) pdu["redacts"] = redacts;
  if (proto.roomId !== undefined) pdu["room_id"] = proto.roomId;
  pdu["sender"] = proto.sender;
  pdu["signatures"] = {};
  if (proto.stateKey !== undefined) pdu["state_key"] = proto.stateKey;
  pdu["type"] = proto.type;
  if (proto.unsigned !== undefined) pdu["unsigned"] = proto.unsigned;
  return pdu as Pdu;
}

/** A depth that we cannot count has been driven to the cap by somebody, where it has to stay. */
function cappedDepth(version: RoomVersion, depth: number): JsonValue {
  if (depth < Number.MAX_SAFE_INTEGER) return depth;
  return version.canonicalJsonEnforced ? Number.MAX_SAFE_INTEGER : new JsonNumber(version.depthCap);
}

function membersOf(pdu: Pdu): Member[] {
  const members: Member[] = [];
  for (const key of Object.keys(pdu)) {
    if (key === "hashes" || key === "signatures") continue;
    members.push({ key, text: `"${key}":${canonicalJson(pdu[key] ?? null)}` });
  }
  return members;
}

function insert(members: Member[], member: Member): void {
  members.splice(
    members.findIndex(({ key }) => key > member.key),
    0,
    member,
  );
}

function refs(version: RoomVersion, events: readonly EventRef[]): JsonValue[] {
  if (version.eventRefs === "ids") return events.map(({ eventId }) => eventId);
  return events.map(({ eventId, sha256: reference }) => [eventId, { sha256: reference ?? missing("sha256 of a reference") }]);
}

function missing(what: string): never {
  throw new TypeError(`versions 1 and 2 need ${what}`);
}
