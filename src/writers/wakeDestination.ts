import { defineRpc } from "../replication/rpc";
import type { Backoff } from "../remote/federation";
import { SENDER_DUTY, slotKey, slotOf } from "../remote/senderSlots";

/** Tells the process that sends to a server that it was heard of again. */
export const wakeDestination = defineRpc<{ readonly federation: { readonly backoff: Pick<Backoff, "back"> } }, string, null>({
  name: "wake_destination",
  owner: (destination) => ({ stream: SENDER_DUTY, key: slotKey(slotOf(destination)) }),
  batch: 100,
  repeatable: true,
  timeoutMs: 10_000,
  handle: async ({ federation }, destinations) => {
    for (const destination of destinations) federation.backoff.back(destination);
    return destinations.map(() => null);
  },
});
