import { parseLosslessJson } from "../lib/jsonLossless";
import type { Pdu, RoomEvent } from "../rooms/event";
import { parseEvent } from "../rooms/parseEvent";
import type { RoomVersion } from "../rooms/versions";

/** A PDU that has passed the checks that need no state: shape, size, hashes, signatures. */
export interface CheckedPdu {
  readonly eventId: string;
  /** Canonical JSON, without `unsigned`. */
  readonly json: string;
}

/** One that was parsed in this process. What it was parsed to stays behind where it goes to another one. */
export class ParsedPdu implements CheckedPdu {
  readonly eventId: string;
  readonly #event: RoomEvent;

  constructor(
    event: RoomEvent,
    readonly json: string,
  ) {
    this.eventId = event.eventId;
    this.#event = event;
  }

  static eventOf(pdu: CheckedPdu, version: RoomVersion): RoomEvent | undefined {
    return pdu instanceof ParsedPdu && pdu.#event.version === version ? pdu.#event : undefined;
  }
}

export function eventOf({ version }: { readonly version: RoomVersion }, pdu: CheckedPdu): RoomEvent {
  return ParsedPdu.eventOf(pdu, version) ?? parseEvent(version, parseLosslessJson(pdu.json) as Pdu, pdu.eventId);
}
