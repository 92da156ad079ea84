import type { PushSummary } from "../caches/unreadTails";
import type { CacheChange } from "../storage/cacheChanges";
import type { Db } from "../storage/db";
import type { NewEventRow } from "../storage/persistEvents";
import type { BuiltOnTip } from "./buildOnTip";
import type { SendIntent } from "./intents";

/** An event that is built and waits to be stored. */
export interface PendingEvent {
  readonly built: BuiltOnTip;
  readonly intent: Pick<SendIntent, "deviceId" | "txnId">;
  readonly receivedTs: number;
  /** Set for the first event of a new room. */
  readonly newRoom: { readonly creator: string; readonly isPublic: boolean } | undefined;
  /** The event that a redaction takes effect on, if it may. */
  readonly redacts: string | undefined;
  /** The redaction of the event that came before it. */
  readonly redactedBy?: string | undefined;
  /** What is remembered wrongly from then on, and no row of the events stream tells of. */
  readonly forget?: readonly CacheChange[];
}

/** What push rules made of a batch; stored in the same transaction. */
export interface PushPersister {
  evaluate(events: readonly PendingEvent[]): Promise<PushRows>;
}
export interface PushRows {
  /** By event number. */
  readonly summaries: ReadonlyMap<number, PushSummary>;
  /** positions: event number -> position in the events stream. */
  insert(tx: Db, positions: ReadonlyMap<number, number>): Promise<unknown>;
}

/** An event with its place in the stream. */
export interface Placed {
  readonly pending: PendingEvent;
  readonly row: NewEventRow;
}
