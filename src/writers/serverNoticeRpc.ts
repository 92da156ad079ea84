import type { JsonObject } from "../lib/json";
import { defineRpc } from "../replication/rpc";

/** What the server itself says to a user. */
export interface ServerNotice {
  readonly kind?: undefined;
  readonly userId: string;
  readonly type: string;
  /** Set for state. */
  readonly stateKey?: string;
  readonly content: JsonObject;
  /** The same again is sent once. */
  readonly txnId?: string;
  /** Sent only to who did not agree to this version of the policy and was not asked to. */
  readonly asksForConsentTo?: string;
}

/** Says in the user's room of notices whether the server is full, if it does not say so yet. */
export interface UsageLimitNotice {
  readonly kind: "usage_limit";
  readonly userId: string;
}

/** What delivers notices on the process whose affair they are: it makes the rooms, so that nobody gets two. Gives the id of the event. */
export interface ServerNotices {
  deliver(notice: ServerNotice | UsageLimitNotice): Promise<string | null>;
}

/** Sends a notice, from whichever process. Null for one that was not to be sent. */
export const deliverServerNotice = defineRpc<{ readonly serverNotices: ServerNotices }, ServerNotice | UsageLimitNotice, string | null>({
  name: "deliver_server_notice",
  // Not who has the duty "background": calls may not reach that process.
  owner: ({ userId }) => ({ stream: "events", key: userId }),
  batch: 20,
  handle: ({ serverNotices }, notices) => Promise.all(notices.map((notice) => serverNotices.deliver(notice).catch(errorOf))),
});

const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
