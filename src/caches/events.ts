import { parseLosslessJson } from "../lib/jsonLossless";
import type { Pdu, RoomEvent } from "../rooms/event";
import { parseEvent } from "../rooms/parseEvent";
import { redact } from "../rooms/redact";
import type { Db } from "../storage/db";
import { findEventNids, getEventsByNid } from "../storage/events";
import type { EventRow } from "../storage/events";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";
import type { RoomDirectory, RoomInfo } from "./rooms";

/** A stored event with what is derived from it, each made at most once. */
export class StoredEvent {
  #event: RoomEvent | undefined;
  #shown: RoomEvent | undefined;
  /** Client renderings, by format; filled by handlers. */
  readonly rendered = new Map<string, string>();

  constructor(
    readonly row: EventRow,
    readonly room: RoomInfo,
    event?: RoomEvent,
  ) {
    this.#event = event;
  }

  /** As it was signed. */
  get event(): RoomEvent {
    this.#event ??= parseEvent(this.room.version, parseLosslessJson(this.row.json) as Pdu, this.row.eventId);
    return this.#event;
  }

  /** As clients may see it: redacted, where a redaction is in force. */
  get shown(): RoomEvent {
    if (this.row.redactedBy === null) return this.event;
    const { version } = this.room;
    this.#shown ??= parseEvent(version, redact(version, this.event.pdu), this.row.eventId);
    return this.#shown;
  }
}

/** Reads of stored events, through one cache bounded by bytes. */
export interface EventReader {
  readonly stats: readonly CacheStats[];
  byNids(nids: readonly number[]): Promise<Map<number, StoredEvent>>;
  byIds(eventIds: readonly string[]): Promise<Map<string, StoredEvent>>;
  byId(eventId: string): Promise<StoredEvent | undefined>;
  cached(nid: number): StoredEvent | undefined;
  /** Puts an event in that was just stored. */
  add(event: StoredEvent): void;
  /** Drops what is cached of an event, since its row changed (a redaction). */
  drop(eventId: string): void;
}

/** Parsed events take about this much more memory than their text. */
const PARSED_FACTOR = 5;
const FIXED_BYTES = 600;

export function createEventReader(db: Db, rooms: RoomDirectory, maxBytes: number): EventReader {
  const events = createCache<number, StoredEvent>({
    name: "*getEvent*",
    max: maxBytes,
    sizeOf: (event) => FIXED_BYTES + event.row.json.length * PARSED_FACTOR,
    load: async (nids) => {
      const rows = await getEventsByNid(db, nids);
      for (const row of rows) nidOf.set(row.eventId, { nid: row.nid });
      const infos = await rooms.byNids([...new Set(rows.map((row) => row.roomNid))]);
      return rows.flatMap((row) => {
        const room = infos.get(row.roomNid);
        return room ? [[row.nid, new StoredEvent(row, room)] as const] : [];
      });
    },
  });
  const nidOf = createCache<string, { readonly nid: number }>({
    name: "event_nids",
    max: 100_000,
    load: async (ids) => (await findEventNids(db, ids)).map(({ eventId, nid }) => [eventId, { nid }]),
  });

  async function byIds(eventIds: readonly string[]): Promise<Map<string, StoredEvent>> {
    const nids = await nidOf.loadMany(eventIds);
    const found = await events.loadMany([...nids.values()].map(({ nid }) => nid));
    const out = new Map<string, StoredEvent>();
    for (const event of found.values()) out.set(event.row.eventId, event);
    return out;
  }

  return {
    stats: [events.stats, nidOf.stats],
    byNids: (nids) => events.loadMany(nids),
    byIds,
    byId: async (eventId) => (await byIds([eventId])).get(eventId),
    cached: (nid) => events.get(nid),
    add(event) {
      events.set(event.row.nid, event);
      nidOf.set(event.row.eventId, { nid: event.row.nid });
    },
    drop(eventId) {
      const nid = nidOf.get(eventId)?.nid;
      if (nid !== undefined) return events.delete(nid);
      // Its number went out of memory before the event did.
      nidOf.load(eventId).then((found) => found && events.delete(found.nid), () => events.clear());
    },
  };
}
