import { messageOf } from "../../replication/log";
import { SENDER_DUTY, slotKey, slotOf } from "../../remote/senderSlots";
import { wakeDestination } from "../../writers/wakeDestination";
import type { App } from "../app";

/** When a server is back of which this process hears, the one that sends to it must know. */
export function followReturns({ federation, ownership, rpc, log }: Pick<App, "federation" | "ownership" | "rpc" | "log">): void {
  federation.backoff.onBack((destination) => {
    if (ownership.isMine(SENDER_DUTY, slotKey(slotOf(destination)))) return;
    rpc
      .call(wakeDestination, destination)
      .catch((error: unknown) => log("synapse.federation.sender").info(`cannot tell the sender of ${destination}: ${messageOf(error)}`));
  });
}
