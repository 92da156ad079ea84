import { MatrixError } from "../../errors";
import { eventsStream } from "../../streams/events";
import type { SentEvent } from "../../writers/intents";
import type { RemoteOutcome } from "../../writers/remoteRpc";
import type { App } from "../app";

/**
 * What became of an event that somebody waits for, as for one of our own. 403 where it was refused, 502 where it cannot be placed.
 */
export function sentOf(app: Pick<App, "streams">, eventId: string, outcome: RemoteOutcome): SentEvent {
  switch (outcome.kind) {
    case "stored":
      return outcome.sent;
    case "known":
      return { eventId, streamOrdering: app.streams.position(eventsStream) };
    case "missing":
      throw new MatrixError(502, "M_UNKNOWN", "The event rests on others that could not be had");
    default:
      throw new MatrixError(403, "M_FORBIDDEN", outcome.reason);
  }
}
