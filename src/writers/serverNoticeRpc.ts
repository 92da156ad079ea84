import type { JsonObject } from "../lib/json";
import { defineRpc } from "../replication/rpc";

/** What the server itself says to a user. */
export interface ServerNotice {
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

/** What delivers notices on the process whose affair they are: it makes the rooms, so that nobody gets two. Gives the id of the event. */
export interface ServerNotices {
  deliver(notice: ServerNotice): Promise<string | null>;
}

/** Sends a notice, from whichever process. Null for one that was not to be sent. */
export const deliverServerNotice = defineRpc<{ readonly serverNotices: ServerNotices }, ServerNotice, string | null>({
  name: "deliver_server_notice",
  owner: () => ({ stream: "background" }),
  batch: 20,
  handle: ({ serverNotices }, notices) => Promise.all(notices.map((notice) => serverNotices.deliver(notice).catch(errorOf))),
});

const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
