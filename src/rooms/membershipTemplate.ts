import { type JsonObject, JsonNumber, type JsonValue, isJsonObject, own } from "../lib/json";
import type { EventProto } from "./buildEvent";
import type { EventRef, RoomEvent } from "./event";
import { MAX_AUTH_EVENTS, MAX_PREV_EVENTS } from "./pduShape";
import type { RoomVersion } from "./versions";

/** What a template has to be about. */
export interface ExpectedMembership {
  readonly roomId: string;
  readonly userId: string;
  readonly membership: "join" | "knock" | "leave";
}

/**
 * The answer to make_join, make_leave or make_knock as an event to be; the content is still to be filled. Undefined where the other
 * server wants something else signed than what we asked for (server-server API, "Joining Rooms").
 */
export function readTemplate(
  version: RoomVersion,
  template: JsonObject,
  { roomId, userId, membership }: ExpectedMembership,
): Omit<EventProto, "originServerTs" | "eventId"> | undefined {
  const content = own(template, "content");
  if (own(template, "type") !== "m.room.member" || own(template, "room_id") !== roomId) return undefined;
  if (own(template, "sender") !== userId || own(template, "state_key") !== userId) return undefined;
  if (!isJsonObject(content) || own(content, "membership") !== membership) return undefined;
  const prevEvents = readRefs(version, own(template, "prev_events"), MAX_PREV_EVENTS);
  const authEvents = readRefs(version, own(template, "auth_events"), MAX_AUTH_EVENTS);
  const depth = readDepth(own(template, "depth"));
  if (!prevEvents || !authEvents || depth === undefined) return undefined;
  const via = own(content, "join_authorised_via_users_server");
  return {
    type: "m.room.member",
    roomId,
    sender: userId,
    stateKey: userId,
    content: { membership, ...(typeof via === "string" && { join_authorised_via_users_server: via }) },
    prevEvents,
    authEvents,
    depth,
  };
}

function readRefs(version: RoomVersion, value: JsonValue | undefined, max: number): EventRef[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined;
  const refs = value.map((ref) => (version.eventRefs === "ids" ? plainRef(ref) : pairRef(ref)));
  return refs.every((ref) => ref !== undefined) ? (refs as EventRef[]) : undefined;
}

const plainRef = (ref: JsonValue): EventRef | undefined => (typeof ref === "string" ? { eventId: ref } : undefined);

/** Not everybody fills in the hashes, and nobody checks them. */
function pairRef(ref: JsonValue): EventRef | undefined {
  if (!Array.isArray(ref) || typeof ref[0] !== "string" || !isJsonObject(ref[1])) return undefined;
  const sha256 = own(ref[1], "sha256");
  return { eventId: ref[0], sha256: typeof sha256 === "string" ? sha256 : "" };
}

function readDepth(value: JsonValue | undefined): number | undefined {
  if (value instanceof JsonNumber) return Math.min(Number(value.text), Number.MAX_SAFE_INTEGER);
  return typeof value === "number" && value >= 0 ? value : undefined;
}

/** An event of ours as a template for another server to fill in and sign. */
export function templateOf({ pdu }: RoomEvent, origin: string): JsonObject {
  const { hashes: _hashes, signatures: _signatures, unsigned: _unsigned, event_id: _eventId, ...template } = pdu;
  return { ...template, origin };
}
