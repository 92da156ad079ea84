import type { TailRow, UnreadTail } from "./unreadTails";

export interface Count {
  readonly notify: number;
  readonly highlight: number;
}

/** The unread counts of a user in a room, and how far the user has read, as of a position. */
export interface UnreadEntry {
  upTo: number;
  /** Read up to here whatever the thread. */
  base: number;
  /** Threads read further than that. */
  readonly read: Map<string, number>;
  readonly counts: Map<string, Count>;
  /** Receipts that were announced and not looked up yet. threadId "" for all threads. */
  receipts: { readonly eventId: string; readonly threadId: string }[];
  /** Memory does not tell any more; the database does. */
  stale: boolean;
  /** The database has not answered yet. */
  loading: boolean;
}

function add(counts: Map<string, Count>, threadId: string, notify: number, highlight: number): void {
  if (notify === 0 && highlight === 0) return;
  const known = counts.get(threadId);
  const sum = { notify: (known?.notify ?? 0) + notify, highlight: (known?.highlight ?? 0) + highlight };
  if (sum.notify === 0 && sum.highlight === 0) counts.delete(threadId);
  else counts.set(threadId, sum);
}

export interface Reader {
  readonly userId: string;
  /** The class of their rules that an event at the position was evaluated with. */
  readonly classAt: (position: number) => number;
}

function addRow(entry: UnreadEntry, row: TailRow, who: Reader): void {
  // A receipt may be ahead of the events that this process knows.
  if (row.streamOrdering <= Math.max(entry.base, entry.read.get(row.threadId) ?? 0)) return;
  for (const [classId, notify, highlight] of row.classes) {
    if (classId === 0 || classId === who.classAt(row.streamOrdering)) add(entry.counts, row.threadId, notify, highlight);
  }
  for (const [userId, notify, highlight] of row.users) {
    if (userId === who.userId) add(entry.counts, row.threadId, notify, highlight);
  }
}

/** Counts the rows of the tail that came after the entry. The entry must not be older than the tail. */
export function advanceEntry(entry: UnreadEntry, tail: UnreadTail, who: Reader): void {
  let i = tail.rows.length;
  while (i > 0 && (tail.rows[i - 1]?.streamOrdering ?? 0) > entry.upTo) i--;
  for (const row of tail.rows.slice(i)) {
    if (row.sender === who.userId && row.senderRead === "room") readAll(entry, row.streamOrdering);
    else if (row.sender === who.userId && row.senderRead === "thread") readThread(entry, row.threadId, row.streamOrdering);
    else addRow(entry, row, who);
  }
  entry.upTo = Math.max(entry.upTo, tail.complete);
}

function readAll(entry: UnreadEntry, position: number): void {
  entry.base = Math.max(entry.base, position);
  for (const [threadId, at] of entry.read) if (at <= position) entry.read.delete(threadId);
  entry.counts.clear();
}

function readThread(entry: UnreadEntry, threadId: string, position: number): void {
  entry.read.set(threadId, Math.max(position, entry.read.get(threadId) ?? 0));
  entry.counts.delete(threadId);
}

/**
 * Moves the read position to that of a receipt, after the entry was brought up to date. A receipt behind the newest event has
 * its threads counted again, from the tail where that reaches back so far.
 */
export function applyReceipt(
  entry: UnreadEntry,
  tail: UnreadTail,
  receipt: { readonly threadId: string; readonly position: number },
  who: Reader,
): void {
  const { threadId, position } = receipt;
  const all = threadId === "";
  if (position <= Math.max(entry.base, all ? 0 : (entry.read.get(threadId) ?? 0))) return;
  const concerned = all ? [...entry.counts.keys()] : [threadId];
  const counted = concerned.some((thread) => entry.counts.has(thread));
  if (all) readAll(entry, position);
  else readThread(entry, threadId, position);
  if (!counted || position >= entry.upTo) return;
  if (position < tail.from) {
    entry.stale = true;
    return;
  }
  for (const row of tail.rows) {
    const wanted = row.streamOrdering <= entry.upTo && (all || row.threadId === threadId);
    if (wanted && row.sender !== who.userId) addRow(entry, row, who);
  }
}
