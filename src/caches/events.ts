import type { JsonObject } from "../lib/json";
import { parseLosslessJson } from "../lib/jsonLossless";
import { createLru } from "../lib/lru";
import type { Pdu, RoomEvent } from "../rooms/event";
import type { Filterable } from "../rooms/filter";
import { parseEvent } from "../rooms/parseEvent";
import { redact } from "../rooms/redact";
import type { Db } from "../storage/db";
import { BY_NO_EVENT, findEventNids, getEventsByNid } from "../storage/events";
import type { EventRow, EventStreamRow } from "../storage/events";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";
import type { RoomDirectory, RoomInfo } from "./rooms";
import { toldRow } from "./toldEvent";

/** What handlers made of an event for clients, by format. */
export interface Renderings {
  client?: string;
  withoutRoomId?: string;
  federation?: string;
}

/** A stored event with what is derived from it, made when it is asked for. */
export class StoredEvent implements Filterable {
  #event: RoomEvent | undefined;
  #shown: RoomEvent | undefined;
  #rendered: Renderings | undefined;

  constructor(
    readonly row: EventRow,
    readonly room: RoomInfo,
    event?: RoomEvent,
  ) {
    this.#event = event;
  }

  get type(): string {
    return this.row.type;
  }
  get sender(): string {
    return this.row.sender;
  }
  get roomId(): string {
    return this.room.roomId;
  }
  get content(): JsonObject {
    return this.shown.content;
  }
  get rendered(): Readonly<Renderings> {
    return this.#rendered ?? notRendered;
  }

  keepRendered(format: keyof Renderings, text: string): void {
    this.#rendered ??= { client: undefined, withoutRoomId: undefined, federation: undefined };
    this.#rendered[format] = text;
    this.shed();
  }

  /** Lets go of what can be made again: of a message its text is needed again and again, of a state event its content. */
  shed(): void {
    if (this.row.stateKey !== null) return;
    this.#event = undefined;
    this.#shown = undefined;
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

  /** The same as if it were redacted, for readers who may have no more than that. */
  redacted(): StoredEvent {
    return this.row.redactedBy === null ? new StoredEvent({ ...this.row, redactedBy: BY_NO_EVENT }, this.room) : this;
  }
}

/** Reads of stored events, through one cache bounded by bytes. */
export interface EventReader {
  readonly stats: readonly CacheStats[];
  byNids(nids: readonly number[]): Promise<Map<number, StoredEvent>>;
  byIds(eventIds: readonly string[]): Promise<Map<string, StoredEvent>>;
  byId(eventId: string): Promise<StoredEvent | undefined>;
  /** The numbers of those that are stored. */
  nidsOf(eventIds: readonly string[]): Promise<Map<string, { readonly nid: number }>>;
  cached(nid: number): StoredEvent | undefined;
  /** Whether memory knows that the event is stored; where it does not, the database may. */
  isCached(eventId: string): boolean;
  /** Puts an event in that was just stored. */
  add(event: StoredEvent): void;
  /** Puts an event in that any process stored, from what the events stream says of it. */
  tell(streamOrdering: number, row: EventStreamRow): void;
  /** Drops what is cached of an event, since its row changed (a redaction). */
  drop(eventId: string): void;
  /** Drops all that is cached of a room, as some of its events are gone. */
  dropRoom(roomNid: number): void;
}

const notRendered: Renderings = {};

/** Measured: the row, its text, and a rendering; of state events the parsed form too. */
const FIXED_BYTES = 800;
const BYTES_PER_CHARACTER = 1.7;
const PARSED_PER_CHARACTER = 1.9;

function sizeOf({ row }: StoredEvent): number {
  return FIXED_BYTES + row.json.length * (BYTES_PER_CHARACTER + (row.stateKey === null ? 0 : PARSED_PER_CHARACTER));
}

function withRooms(rows: readonly EventRow[], rooms: ReadonlyMap<number, RoomInfo>): [number, StoredEvent][] {
  return rows.flatMap((row): [number, StoredEvent][] => {
    const room = rooms.get(row.roomNid);
    return room ? [[row.nid, new StoredEvent(row, room)]] : [];
  });
}

/** Events that were changed lately. */
const MAX_CHANGED = 1_000;
/** New events are rendered and pushed soon, if at all: so many stay parsed until then. */
const MAX_FRESH = 200;

/** To be told of each new event. */
function createFresh(): (event: StoredEvent) => void {
  const fresh: StoredEvent[] = [];
  let oldest = 0;
  return (event) => {
    fresh[oldest]?.shed();
    fresh[oldest] = event;
    oldest = (oldest + 1) % MAX_FRESH;
  };
}

export function createEventReader(db: Db, rooms: RoomDirectory, limits: { readonly bytes: number; readonly ids: number }): EventReader {
  const events = createCache<number, StoredEvent>({
    name: "*getEvent*",
    max: limits.bytes,
    sizeOf,
    load: async (nids) => {
      const rows = await getEventsByNid(db, nids);
      for (const row of rows) nidOf.set(row.eventId, { nid: row.nid });
      return withRooms(rows, await rooms.byNids([...new Set(rows.map((row) => row.roomNid))]));
    },
  });
  const nidOf = createCache<string, { readonly nid: number }>({
    name: "event_nids",
    max: limits.ids,
    load: async (ids) => (await findEventNids(db, ids)).map(({ eventId, nid }) => [eventId, { nid }]),
  });

  // Another stream may tell of a change before a row comes that has been waiting for those before it.
  const changed = createLru<string, true>(MAX_CHANGED);
  const keepParsed = createFresh();
  function add(event: StoredEvent): void {
    keepParsed(event);
    events.set(event.row.nid, event);
    nidOf.set(event.row.eventId, { nid: event.row.nid });
  }

  async function byIds(eventIds: readonly string[]): Promise<Map<string, StoredEvent>> {
    const nids = await nidOf.loadMany(eventIds);
    const found = await events.loadMany([...nids.values()].map(({ nid }) => nid));
    return new Map([...found.values()].map((event) => [event.row.eventId, event]));
  }

  return {
    stats: [events.stats, nidOf.stats],
    byNids: (nids) => events.loadMany(nids),
    byIds,
    byId: async (eventId) => (await byIds([eventId])).get(eventId),
    nidsOf: (eventIds) => nidOf.loadMany(eventIds),
    cached: (nid) => events.get(nid),
    isCached: (eventId) => nidOf.get(eventId) !== undefined,
    add,
    tell(streamOrdering, row) {
      const room = rooms.cachedByNid(row.roomNid);
      if (!room || events.get(row.nid) || changed.has(row.eventId)) return;
      const told = toldRow(streamOrdering, row);
      if (told) add(new StoredEvent(told, room));
    },
    drop(eventId) {
      changed.set(eventId, true);
      const nid = nidOf.get(eventId)?.nid;
      if (nid !== undefined) return events.delete(nid);
      // Its number went out of memory before the event did.
      nidOf.load(eventId).then(
        (found) => found && events.delete(found.nid),
        () => events.clear(),
      );
    },
    dropRoom(roomNid) {
      events.deleteWhere(({ row }) => row.roomNid === roomNid);
      // Numbers don't tell their rooms.
      nidOf.clear();
    },
  };
}
