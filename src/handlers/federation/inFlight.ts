import { createLru } from "../../lib/lru";
import { type KeyedQueue, createKeyedQueue } from "../../lib/keyedQueue";
import { type OriginPace, createOriginPace } from "./originPace";
import type { TransactionAnswer } from "./transactions";

/** What of federation is under way in this process, so that nothing is done twice at a time. */
export interface InFlight {
  /** Entering rooms that nobody of this server is in, by room: whoever comes second finds somebody there. */
  readonly entering: KeyedQueue;
  /** Events of other servers, by room. */
  readonly rooms: KeyedQueue;
  /** Fetching older history, by room. */
  readonly backfills: KeyedQueue;
  /** Older events that were asked for, and when. */
  readonly inVain: Pick<Map<string, number>, "get"> & { set(eventId: string, ts: number): unknown };
  /** Rooms, by number, whose staged events are being stored. `again`: more came meanwhile. */
  readonly stagedRooms: Map<number, { again: boolean; done: Promise<void> }>;
  /** The process stops: nothing new is begun. */
  ending: boolean;
  /** Rooms, by number, whose many ends nobody of this server may tie together, and since when that is known. */
  readonly loose: Map<number, number>;
  /** Requests of other servers, as fast as they may come. */
  readonly pace: OriginPace;
  /** How many transactions of a server are worked on or wait. */
  readonly perOrigin: Map<string, number>;
  /** Transactions, by server: one at a time. */
  readonly origins: KeyedQueue;
  /** Answers to transactions, by server and transaction id. What is forgotten does no harm: known events are not stored again. */
  readonly transactions: Pick<Map<string, Promise<TransactionAnswer>>, "get" | "delete"> & {
    set(key: string, answer: Promise<TransactionAnswer>): unknown;
  };
}

/** Transactions whose answers are remembered, over all servers. */
const MAX_TRANSACTIONS = 5_000;

const MAX_IN_VAIN = 10_000;

export function createInFlight(deps: Parameters<typeof createOriginPace>[0]): InFlight {
  return {
    loose: new Map<number, number>(),
    pace: createOriginPace(deps),
    entering: createKeyedQueue(),
    rooms: createKeyedQueue(),
    backfills: createKeyedQueue(),
    inVain: createLru<string, number>(MAX_IN_VAIN),
    stagedRooms: new Map<number, { again: boolean; done: Promise<void> }>(),
    ending: false,
    perOrigin: new Map<string, number>(),
    origins: createKeyedQueue(),
    transactions: createLru<string, Promise<TransactionAnswer>>(MAX_TRANSACTIONS),
  };
}
