import { type KeyedQueue, createKeyedQueue } from "../../lib/keyedQueue";

/** What of federation is under way in this process, so that nothing is done twice at a time. */
export interface InFlight {
  /** Entering rooms that nobody of this server is in, by room: whoever comes second finds somebody there. */
  readonly entering: KeyedQueue;
  /** Events of other servers, by room. */
  readonly rooms: KeyedQueue;
  /** Transactions, by server: one at a time. */
  readonly origins: KeyedQueue;
}

export function createInFlight(): InFlight {
  return { entering: createKeyedQueue(), rooms: createKeyedQueue(), origins: createKeyedQueue() };
}
