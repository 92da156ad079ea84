import type { LRUCache } from "lru-cache";
import { createLru } from "../lib/lru";
import type { ClassHistory } from "../rooms/push/classHistory";
import type { Db } from "../storage/db";
import type { EventStreamRow } from "../storage/events";
import type { Receipt } from "../storage/receipts";
import { recentClassActions, recentUserActions } from "../storage/unreadCounts";
import type { StreamRow } from "../storage/streamIds";
import type { EventReader } from "./events";
import type { PushRulesCache } from "./pushRules";
import type { RoomKey } from "./readPositions";
import { advanceEntry, applyReceipt } from "./unreadEntry";
import type { Count, UnreadEntry } from "./unreadEntry";
import { loadUnreadEntries } from "./unreadLoad";
import { announce, completeTail, createUnreadTails, decodeSummary } from "./unreadTails";
import type { UnreadTail } from "./unreadTails";

export interface UnreadCountsOptions {
  readonly db: Db;
  readonly events: Pick<EventReader, "byIds">;
  readonly pushRules: Pick<PushRulesCache, "classes">;
  /** Where the events stream stands in this process. */
  readonly position: () => number;
  readonly maxRooms: number;
  readonly maxEntries: number;
}

interface OpenTail {
  readonly roomNid: number;
  readonly tail: UnreadTail;
}

const MAX_RECEIPTS = 16;
const keyOf = (roomId: string, userId: string): string => `${roomId} ${userId}`;

/**
 * Unread counts of users in rooms. Asked once, a count is kept and moved on by what the streams of events and receipts say, so
 * that a message to a hundred waiting users costs no query, or one for all of them where its summary did not travel along.
 */
export class UnreadCounts {
  private readonly tails;
  private readonly entries: LRUCache<string, UnreadEntry>;

  constructor(private readonly options: UnreadCountsOptions) {
    this.tails = createUnreadTails(options.maxRooms);
    this.entries = createLru(options.maxEntries);
  }

  get size(): number {
    return this.entries.size;
  }

  /** Whether somebody asked for counts in the room lately. */
  covers(roomNid: number): boolean {
    return this.tails.peek(roomNid) !== undefined;
  }

  /** Counts by thread for each of the rooms, as of now or later. Threads without unread events are left out. */
  async of(userId: string, rooms: readonly RoomKey[]): Promise<Map<string, ReadonlyMap<string, Count>>> {
    const { pushRules, position } = this.options;
    const opened = rooms.map(({ roomNid }) => ({ roomNid, tail: this.tails.open(roomNid, position()) }));
    const [classes, receipts] = await Promise.all([
      pushRules.classes(userId),
      this.receiptPositions(userId, rooms),
      this.refreshTails(opened, position()),
    ]);
    const out = new Map<string, ReadonlyMap<string, Count>>();
    const missing: RoomKey[] = [];
    for (const room of rooms) {
      const entry = this.current(userId, room, classes, receipts);
      if (entry) out.set(room.roomId, new Map(entry.counts));
      else missing.push(room);
    }
    if (missing.length > 0) await this.load(userId, missing, classes, out);
    return out;
  }

  /** To be told of every row of the events stream, before its position moves. */
  applyEvent({ id, row }: StreamRow<EventStreamRow>): void {
    const tail = this.tails.peek(row.roomNid);
    if (!tail) return;
    const summary = decodeSummary(row.push);
    if (row.redacts !== null && mayMatter(tail, row.redacts)) return this.tails.drop(row.roomNid);
    if (!announce(tail, { streamOrdering: id, eventId: row.eventId, sender: row.sender, summary })) return this.tails.drop(row.roomNid);
    const ownEntry = summary ? undefined : this.entries.peek(keyOf(row.roomId, row.sender));
    if (ownEntry) ownEntry.stale = true;
  }

  /** Events of the room are gone that may have been counted. */
  forgetRoom(roomNid: number): void {
    this.tails.drop(roomNid);
    // Begins past all that was read until now, so that it is read again.
    this.tails.open(roomNid, this.options.position() + 1);
  }

  /** The same for rows of the receipts stream. */
  applyReceipt(receipt: Receipt): void {
    if (receipt.receiptType !== "m.read" && receipt.receiptType !== "m.read.private") return;
    const entry = this.entries.peek(keyOf(receipt.roomId, receipt.userId));
    if (!entry) return;
    entry.receipts.push({ eventId: receipt.eventId, threadId: receipt.threadId });
    if (entry.receipts.length > MAX_RECEIPTS) entry.stale = true;
  }

  /** Asks the database once for all the rooms that several users may ask about, until the tails reach upTo. */
  private async refreshTails(rooms: readonly OpenTail[], upTo: number): Promise<void> {
    const { db, position } = this.options;
    for (;;) {
      const late = rooms.filter(({ tail }) => tail.pending.some(({ streamOrdering }) => streamOrdering <= upTo));
      if (late.length === 0) return;
      const idle = late.filter(({ tail }) => !tail.refreshing);
      const done = idle.length === 0 ? undefined : refresh(db, idle, position());
      for (const { tail } of idle) tail.refreshing = done?.finally(() => (tail.refreshing = undefined));
      await Promise.all(new Set(late.flatMap(({ tail }) => tail.refreshing ?? [])));
    }
  }

  /** Positions of the events that receipts point to; those of events that are not here count for nothing. */
  private async receiptPositions(userId: string, rooms: readonly RoomKey[]): Promise<ReadonlyMap<string, number>> {
    const waiting = rooms.flatMap(({ roomId }) => this.entries.peek(keyOf(roomId, userId))?.receipts ?? []);
    if (waiting.length === 0) return new Map();
    const found = await this.options.events.byIds(waiting.map(({ eventId }) => eventId));
    return new Map(waiting.map(({ eventId }) => [eventId, found.get(eventId)?.row.streamOrdering ?? 0]));
  }

  /** Brings what is in memory up to date; undefined where it cannot be. */
  private current(userId: string, room: RoomKey, classes: ClassHistory, receipts: ReadonlyMap<string, number>): UnreadEntry | undefined {
    const entry = this.entries.get(keyOf(room.roomId, userId));
    const tail = this.tails.peek(room.roomNid);
    if (!entry || !tail || entry.loading || entry.stale || entry.upTo < tail.from) return undefined;
    const who = { userId, classAt: (at: number) => classes.at(room.roomId, at) };
    advanceEntry(entry, tail, who);
    // A receipt that came while positions were being read waits for the next time.
    const waiting = entry.receipts;
    entry.receipts = waiting.filter(({ eventId }) => !receipts.has(eventId));
    for (const { eventId, threadId } of waiting) applyReceipt(entry, tail, { threadId, position: receipts.get(eventId) ?? 0 }, who);
    return entry.stale ? undefined : entry;
  }

  private async load(
    userId: string,
    rooms: readonly RoomKey[],
    classes: ClassHistory,
    out: Map<string, ReadonlyMap<string, Count>>,
  ): Promise<void> {
    const { db, position } = this.options;
    // What happens from here on is told to the entries, or stands in the tails.
    const upTo = position();
    const fresh = rooms.map((room) => ({ room, entry: emptyEntry(upTo) }));
    for (const { room, entry } of fresh) {
      this.tails.open(room.roomNid, upTo);
      this.entries.set(keyOf(room.roomId, userId), entry);
    }
    await loadUnreadEntries(db, { userId, upTo, classes, rooms: fresh });
    for (const { room, entry } of fresh) out.set(room.roomId, new Map(entry.counts));
  }
}

const emptyEntry = (upTo: number): UnreadEntry => ({
  upTo,
  base: 0,
  read: new Map(),
  counts: new Map(),
  receipts: [],
  stale: false,
  loading: true,
});

/** Whether an event that is redacted may have notified anybody, as far as the tail knows. */
function mayMatter(tail: UnreadTail, eventId: string): boolean {
  const row = tail.rows.find((known) => known.eventId === eventId);
  return !row || row.classes.length > 0 || row.users.length > 0;
}

interface FoundSummary {
  readonly threadId: string;
  readonly classes: [number, number, number][];
  readonly users: [string, number, number][];
  readonly senderRead: undefined;
}

async function refresh(db: Db, rooms: readonly OpenTail[], upTo: number): Promise<void> {
  const nids = rooms.map(({ roomNid }) => roomNid);
  const after = rooms.map(({ tail }) => tail.complete);
  const [classes, users] = await Promise.all([recentClassActions(db, nids, after, upTo), recentUserActions(db, nids, after, upTo)]);
  const found = new Map<number, FoundSummary>();
  const at = ({ streamOrdering, threadId }: { readonly streamOrdering: number; readonly threadId: string }): FoundSummary => {
    let summary = found.get(streamOrdering);
    if (!summary) found.set(streamOrdering, (summary = { threadId, classes: [], users: [], senderRead: undefined }));
    return summary;
  };
  for (const row of classes) at(row).classes.push([row.classId, row.notify, row.highlight]);
  for (const row of users) at(row).users.push([row.userId, row.notify, row.highlight]);
  for (const { tail } of rooms) completeTail(tail, found, upTo);
}
