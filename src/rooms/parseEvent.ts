import { JsonNumber, type JsonValue, own } from "../lib/json";
import type { Pdu, RoomEvent } from "./event";
import { eventIdOf } from "./hashes";
import type { RoomVersion } from "./versions";

/**
 * An event from its PDU, which must have the right shape (`checkPduShape`, or our own database). Pass the event id when it is known:
 * computing it takes a hash.
 */
export function parseEvent(version: RoomVersion, pdu: Pdu, eventId: string = eventIdOf(version, pdu)): RoomEvent {
  return {
    eventId,
    // v12: the create event has no room_id, its own id stands for the room.
    roomId: pdu.room_id ?? `!${eventId.slice(1)}`,
    type: pdu.type,
    stateKey: pdu.state_key,
    sender: pdu.sender,
    content: pdu.content,
    depth: depthOf(pdu.depth),
    originServerTs: pdu.origin_server_ts,
    prevEvents: eventIdsIn(version, pdu.prev_events),
    authEvents: eventIdsIn(version, pdu.auth_events),
    redacts: redactsOf(version, pdu),
    version,
    pdu,
  };
}

/** The ids in a list of references. */
export function eventIdsIn(version: RoomVersion, refs: readonly JsonValue[]): string[] {
  if (version.eventRefs === "ids") return refs as string[];
  return refs.map((ref) => (Array.isArray(ref) ? String(ref[0]) : ""));
}

/** v1-5: depths beyond 2^53 come as text. They are all as good as the cap. */
function depthOf(depth: JsonValue): number {
  const value = depth instanceof JsonNumber ? Number(depth.text) : Number(depth);
  return Math.min(Math.trunc(value), Number.MAX_SAFE_INTEGER);
}

function redactsOf(version: RoomVersion, pdu: Pdu): string | undefined {
  if (pdu.type !== "m.room.redaction") return undefined;
  const redacts = version.redactsIn === "content" ? own(pdu.content, "redacts") : pdu.redacts;
  return typeof redacts === "string" ? redacts : undefined;
}
