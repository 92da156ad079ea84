import { createLru } from "../lib/lru";
import type { SendIntent, SendOutcome, SentEvent } from "./intents";

/** Transactions whose answers are remembered. */
const MAX_TRANSACTIONS = 10_000;

/** Sends what clients send at most once. */
export interface SentOnce {
  /**
   * A transaction that was sent again gets the answer of the first (client-server API, "Transaction identifiers"), also while that is under
   * way. Those of an earlier life are found when storing fails.
   */
  run(intent: SendIntent, send: () => Promise<SendOutcome>): Promise<SendOutcome>;
}

export function createSentOnce(): SentOnce {
  const sending = new Map<string, Promise<SendOutcome>>();
  const sent = createLru<string, SentEvent>(MAX_TRANSACTIONS);

  async function first(key: string, send: () => Promise<SendOutcome>): Promise<SendOutcome> {
    try {
      const outcome = await send();
      if ("sent" in outcome) sent.set(key, outcome.sent);
      return outcome;
    } finally {
      sending.delete(key);
    }
  }

  return {
    run({ roomId, sender, deviceId, txnId }, send) {
      if (txnId === null) return send();
      const key = [roomId, sender, deviceId ?? "", txnId].join("\u0000");
      const stored = sent.get(key);
      if (stored) return Promise.resolve({ sent: stored });
      let outcome = sending.get(key);
      if (!outcome) sending.set(key, (outcome = first(key, send)));
      return outcome;
    },
  };
}
