import { defineRpc } from "../replication/rpc";

/**
 * What sends delayed events (MSC4140): one of the processes that write events. Of several the one that is chosen for all of them; when it
 * dies the next one sends what it was about to.
 */
export interface DelayedEvents {
  /** Something is due at `at` (ms), maybe sooner than all else. */
  wake(at: number): void;
  /** Sends an event now. Throws the MatrixError for which it cannot be sent, and then it stays scheduled. */
  send(delayId: string): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

interface DelayedApp {
  readonly delayedEvents: DelayedEvents;
}

export const delayedEventsOwner = "events";
const owner = () => ({ stream: delayedEventsOwner });

/** Tells when something is due. Lost, it is found a few seconds late. */
export const wakeDelayedEvents = defineRpc<DelayedApp, number, null>({
  name: "added_delayed_event",
  owner,
  batch: 100,
  repeatable: true,
  timeoutMs: 10_000,
  handle: async ({ delayedEvents }, times) => {
    delayedEvents.wake(Math.min(...times));
    return times.map(() => null);
  },
});

/** Sends a delayed event at once. */
export const sendDelayedEvent = defineRpc<DelayedApp, string, null>({
  name: "send_delayed_event",
  owner,
  repeatable: true,
  handle: async ({ delayedEvents }, ids) => {
    for (const id of ids) await delayedEvents.send(id);
    return ids.map(() => null);
  },
});

export const delayedEventRpcs = [wakeDelayedEvents, sendDelayedEvent];
