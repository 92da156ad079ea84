import { createLru } from "../lib/lru";
import type { Db } from "../storage/db";
import { newestEdits, referencesTo, threadsOf } from "../storage/relations";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";
import type { StoredEvent } from "./events";
import { createLastChanges } from "./lastChanges";

export interface Thread {
  readonly count: number;
  readonly latest: number;
  /** Position of the last event counted in. */
  readonly upTo: number;
  readonly participants: ReadonlySet<string>;
}

/** What relates to an event, whoever reads it. Events go by their numbers where they are shown whole. */
export interface Aggregate {
  /** The newest replacement that counts. */
  readonly edit: number | undefined;
  readonly thread: Thread | undefined;
  readonly references: readonly { readonly eventId: string; readonly sender: string }[];
}

/** A relation as the events stream announces it. */
export interface RelationNews {
  readonly relatesTo: string;
  readonly relType: string;
  readonly nid: number;
  readonly sender: string;
  readonly streamOrdering: number;
}

/**
 * Aggregations of events. Of an event that came in while this process was listening it is known whether anything relates to it at all,
 * so that handing new events to many readers asks nobody. (What came in before its own target, and before this process
 * started, is missed until somebody relates to the target again.)
 */
export interface Relations {
  readonly stats: readonly CacheStats[];
  /** Those of the events that something may relate to. Memory alone is asked. */
  maybeRelated(events: readonly StoredEvent[]): readonly StoredEvent[];
  /** By event id. */
  of(events: readonly StoredEvent[]): Promise<Map<string, Aggregate>>;
  apply(news: RelationNews): void;
  /** Something of the room was redacted: perhaps a relation. */
  redacted(roomNid: number, position: number): void;
  /** What relates to the event has to be read again. */
  forget(eventId: string): void;
}

interface Entry extends Aggregate {
  /** Position of the events stream when it was read. */
  readonly position: number;
}

const MAX_REFERENCES = 100;
const MAX_REDACTED_ROOMS = 10_000;

/** position: that of the events stream in this process. */
export function createRelations(db: Db, position: () => number, sizes: { entries: number; targets: number }): Relations {
  let horizon = -1;
  /** Events that something came to relate to since the horizon, with the position of the latest. */
  const targets = createLru<string, number>(sizes.targets, (latest, _, reason) => {
    if (reason === "evict") horizon = Math.max(horizon, latest);
  });
  const redactions = createLastChanges(position, MAX_REDACTED_ROOMS);
  const entries = createCache<string, Entry>({
    name: "event_aggregations",
    max: sizes.entries,
    load: async (eventIds) => {
      const read = position();
      const found = await aggregatesOf(db, eventIds);
      return eventIds.map((eventId) => [eventId, { ...(found.get(eventId) ?? nothing), position: read }]);
    },
  });

  function isUnrelated({ row }: StoredEvent): boolean {
    if (horizon < 0) horizon = position();
    return (row.streamOrdering ?? 0) > horizon && !targets.has(row.eventId);
  }

  return {
    stats: [entries.stats],
    maybeRelated: (events) => events.filter((event) => !isUnrelated(event)),
    async of(events) {
      for (const { row } of events) {
        const known = entries.get(row.eventId);
        if (known && redactions.maybeChanged(String(row.roomNid), known.position)) entries.delete(row.eventId);
      }
      return entries.loadMany(events.map(({ row }) => row.eventId));
    },
    apply(news) {
      if (horizon < 0) horizon = Math.min(position(), news.streamOrdering - 1);
      targets.set(news.relatesTo, news.streamOrdering);
      const known = entries.get(news.relatesTo);
      // A long thread is not to be counted anew for each of its events.
      if (known?.thread && news.relType === "m.thread") entries.set(news.relatesTo, { ...known, thread: grown(known.thread, news) });
      else entries.delete(news.relatesTo);
    },
    redacted(roomNid, at) {
      redactions.note(String(roomNid), at);
    },
    forget: (eventId) => entries.delete(eventId),
  };
}

const nothing: Aggregate = { edit: undefined, thread: undefined, references: [] };

function grown(thread: Thread, { nid, sender, streamOrdering }: RelationNews): Thread {
  if (streamOrdering <= thread.upTo) return thread;
  const participants = thread.participants.has(sender) ? thread.participants : new Set([...thread.participants, sender]);
  return { count: thread.count + 1, latest: nid, upTo: streamOrdering, participants };
}

async function aggregatesOf(db: Db, eventIds: readonly string[]): Promise<Map<string, Aggregate>> {
  const [edits, threads, references] = await Promise.all([
    newestEdits(db, eventIds),
    threadsOf(db, eventIds),
    referencesTo(db, eventIds, MAX_REFERENCES),
  ]);
  const out = new Map<string, Aggregate>();
  const put = (target: string, part: Partial<Aggregate>): void => void out.set(target, { ...(out.get(target) ?? nothing), ...part });
  for (const { target, nid } of edits) put(target, { edit: nid });
  for (const { target, participants, ...counts } of threads) put(target, { thread: { ...counts, participants: new Set(participants) } });
  for (const { target, eventId, sender } of references)
    put(target, { references: [...(out.get(target)?.references ?? []), { eventId, sender }] });
  return out;
}
