import { messageOf } from "../../replication/log";
import { SENDER_DUTY, slotKey, slotOf } from "../../remote/senderSlots";
import { wakeDestination } from "../../writers/wakeDestination";
import type { App } from "../app";
import { retryStaged } from "./staging";

/** When a server is back of which this process hears, the one that sends to it must know. */
export function followReturns(app: App): void {
  const { federation, ownership, rpc, log, partialJoins } = app;
  federation.backoff.onBack((destination) => {
    partialJoins.retry(destination);
    app.background("retry_staged_pdus", () => retryStaged(app, destination));
    if (ownership.isMine(SENDER_DUTY, slotKey(slotOf(destination)))) return;
    rpc
      .call(wakeDestination, destination)
      .catch((error: unknown) => log("synapse.federation.sender").info(`cannot tell the sender of ${destination}: ${messageOf(error)}`));
  });
}
