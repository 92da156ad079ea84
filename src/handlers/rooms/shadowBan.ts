import type { SentEvent } from "../../writers/intents";
import type { App } from "../app";

/** What a shadow-banned user is told of an event that nobody will ever see. */
export const pretendToSend = ({ random }: Pick<App, "random">): SentEvent => ({
  eventId: `$${random.bytes(32).toString("base64url")}`,
  streamOrdering: 0,
});
