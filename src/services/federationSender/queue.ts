import type { PresenceRow } from "../../storage/presence";
import type { Receipt } from "../../storage/receipts";
import type { WaitingDestination } from "../../storage/destinations";
import { slotOf } from "../../remote/senderSlots";

/** An event on its way. Its text is fetched when it goes out, so that what waits weighs next to nothing. */
export interface QueuedPdu {
  readonly position: number;
  readonly nid: number;
  readonly queuedTs: number;
}

export interface Typing {
  readonly roomId: string;
  readonly userId: string;
  readonly typing: boolean;
}

const MAX_PDUS = 2_000;
/** Of each kind; what is oldest goes. */
const MAX_EPHEMERAL = 1_000;

/**
 * What waits for one server, and what of it the database knows. A server that does not answer, or is too slow, has missed something:
 * then events are no longer queued, only the position after which it has to catch up is kept.
 */
export class DestinationQueue {
  readonly slot: number;
  pdus: QueuedPdu[] = [];
  /** Position after which it has missed something. */
  missedAfter: number | undefined;
  /** The last event that it has missed. */
  skippedTo = 0;
  /** What the database says of missedAfter; it covers all that comes later. */
  notedAfter: number | undefined;
  /** The database is being told that nothing is missed any more. */
  clearing = false;
  /** Something may wait in the database. */
  toDevice = false;
  deviceLists = false;
  /** Until when it is left alone. */
  retryAt = 0;
  running = false;
  /** Something came while it was running. */
  again = false;

  private typing: Map<string, Typing> | undefined;
  private presence: Map<string, PresenceRow> | undefined;
  private receipts: Map<string, Receipt> | undefined;

  constructor(readonly name: string) {
    this.slot = slotOf(name);
  }

  /** From what the database says of it. */
  restore({ missedAfter, toDevice, deviceLists, retryAt }: WaitingDestination): void {
    if (missedAfter !== null) {
      this.missedAfter = Math.min(this.missedAfter ?? Infinity, missedAfter);
      this.notedAfter = Math.min(this.notedAfter ?? Infinity, missedAfter);
    }
    this.toDevice ||= toDevice;
    this.deviceLists ||= deviceLists;
    this.retryAt = Math.max(this.retryAt, retryAt);
  }

  addPdu(pdu: QueuedPdu): void {
    const asleep = this.retryAt > pdu.queuedTs;
    if (this.missedAfter !== undefined || asleep || this.pdus.length >= MAX_PDUS) this.miss(pdu.position);
    else this.pdus.push(pdu);
  }

  /** It gets neither the event at this position nor, for now, later ones. */
  private miss(position: number): void {
    this.missedAfter ??= position - 1;
    this.skippedTo = Math.max(this.skippedTo, position);
  }

  /** It did not take what was sent: it has missed all that waits, and what is of the moment is void. */
  fail(): void {
    const [first, last] = [this.pdus[0], this.pdus.at(-1)];
    if (first && last) {
      this.missedAfter = Math.min(this.missedAfter ?? Infinity, first.position - 1);
      this.skippedTo = Math.max(this.skippedTo, last.position);
      this.pdus = [];
    }
    this.typing = this.presence = this.receipts = undefined;
  }

  /** Everything up to this position is done with, as far as the server is concerned; undefined where nothing waits. */
  doneTo(): number | undefined {
    const first = this.pdus[0];
    const done = Math.min(first ? first.position - 1 : Infinity, this.missedAfter ?? Infinity);
    return done === Infinity ? undefined : done;
  }

  /** As doneTo, unless the database will make up for what comes after. */
  uncovered(): number | undefined {
    const done = this.doneTo();
    return done === undefined || (this.notedAfter !== undefined && this.notedAfter <= done) ? undefined : done;
  }

  setTyping(typing: Typing): void {
    put((this.typing ??= new Map()), `${typing.roomId} ${typing.userId}`, typing);
  }

  setPresence(row: PresenceRow): void {
    put((this.presence ??= new Map()), row.userId, row);
  }

  setReceipt(receipt: Receipt): void {
    put((this.receipts ??= new Map()), `${receipt.roomId} ${receipt.userId} ${receipt.threadId}`, receipt);
  }

  /** Whether it is awake, so that what is of the moment may reach it in time. */
  isReachable(now: number): boolean {
    return this.missedAfter === undefined && this.retryAt <= now;
  }

  takeTyping(limit: number): Typing[] {
    return take(this.typing, limit);
  }
  takePresence(limit: number): PresenceRow[] {
    return take(this.presence, limit);
  }
  takeReceipts(limit: number): Receipt[] {
    return take(this.receipts, limit);
  }

  hasWork(): boolean {
    return this.missedAfter !== undefined || this.toDevice || this.deviceLists || this.pdus.length > 0 || this.ephemeral() > 0;
  }

  /** Whether there is nothing to remember of it: that it is asleep spares asking the database about it again and again. */
  isIdle(now: number): boolean {
    return !this.running && !this.clearing && !this.hasWork() && this.notedAfter === undefined && this.retryAt <= now;
  }

  pendingEdus(): number {
    return this.ephemeral() + (this.toDevice ? 1 : 0) + (this.deviceLists ? 1 : 0);
  }

  private ephemeral(): number {
    return (this.typing?.size ?? 0) + (this.presence?.size ?? 0) + (this.receipts?.size ?? 0);
  }
}

function put<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_EPHEMERAL) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}

function take<V>(map: Map<string, V> | undefined, limit: number): V[] {
  const taken: V[] = [];
  for (const [key, value] of map ?? []) {
    if (taken.length >= limit) break;
    taken.push(value);
    map?.delete(key);
  }
  return taken;
}
