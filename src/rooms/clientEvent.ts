import { canonicalJson, quote } from "../lib/canonicalJson";
import { type JsonObject, isJsonObject, own } from "../lib/json";
import type { RoomEvent } from "./event";

/** An event as JSON text for clients that lacks its `unsigned` and its closing brace. Shared by all readers. */
export interface RenderedEvent {
  readonly head: string;
}

/** Sync leaves out what its place in the answer says. */
export type RoomIdField = "withRoomId" | "withoutRoomId";

/**
 * Renders an event in the client format (specification: client-server API, "Room event format"). An event that has been redacted must
 * come in its redacted form.
 */
export function renderClientEvent(event: RoomEvent, roomIdField: RoomIdField = "withRoomId"): RenderedEvent {
  let head = `{"content":${contentText(event)},"event_id":${quote(event.eventId)},"origin_server_ts":${event.originServerTs}`;
  // v11 moved it into the content; clients old and new find it in both places.
  if (event.redacts !== undefined) head += `,"redacts":${quote(event.redacts)}`;
  if (roomIdField === "withRoomId") head += `,"room_id":${quote(event.roomId)}`;
  head += `,"sender":${quote(event.sender)}`;
  if (event.stateKey !== undefined) head += `,"state_key":${quote(event.stateKey)}`;
  return { head: `${head},"type":${quote(event.type)}` };
}

/** The finished text: with this reader's `unsigned`, as an object or as ready JSON; an empty one is left out. */
export function withUnsigned({ head }: RenderedEvent, unsigned: JsonObject | string): string {
  const text = typeof unsigned === "string" ? unsigned : JSON.stringify(unsigned);
  return text === "{}" || text === "" ? `${head}}` : `${head},"unsigned":${text}}`;
}

/** What the legacy format repeats outside of `unsigned`. */
const LEGACY_FIELDS = ["age", "redacted_because", "replaces_state", "prev_content", "invite_room_state", "knock_room_state"];

/** The format of /events and /initialSync: the client format, and `user_id` and some fields of `unsigned` at the top. */
export function legacyClientEvent(event: RoomEvent, unsigned: JsonObject): string {
  let { head } = renderClientEvent(event);
  for (const field of LEGACY_FIELDS) {
    const value = own(unsigned, field);
    if (value !== undefined) head += `,"${field}":${JSON.stringify(value)}`;
  }
  return withUnsigned({ head: `${head},"user_id":${quote(event.sender)}` }, unsigned);
}

/** The whole PDU and its id, for filters with `event_format: federation`. */
export function renderFederationEvent({ pdu, eventId }: RoomEvent): RenderedEvent {
  const { unsigned: _unsigned, ...rest } = pdu;
  return { head: canonicalJson({ ...rest, event_id: eventId }).slice(0, -1) };
}

/** What an invited or knocking user is shown of a room's state. */
export function strippedStateEvent({ content, sender, stateKey, type }: RoomEvent): JsonObject {
  return { content, sender, state_key: stateKey ?? "", type };
}

function contentText({ content, redacts, version }: RoomEvent): string {
  const full = redacts !== undefined && isJsonObject(content) && version.redactsIn === "topLevel" ? { ...content, redacts } : content;
  // Numbers kept as text are written out exactly by canonicalJson alone; where they cannot occur, the native way is faster.
  return version.canonicalJsonEnforced ? JSON.stringify(full) : canonicalJson(full);
}
