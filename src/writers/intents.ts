import { MatrixError } from "../errors";
import type { JsonObject } from "../lib/json";

/** What a client wants to send: data, no event yet. The owner of the room builds the event. */
export interface SendIntent {
  readonly roomId: string;
  readonly sender: string;
  readonly type: string;
  /** null for a message. */
  readonly stateKey: string | null;
  readonly content: JsonObject;
  readonly redacts: string | null;
  /** The sending device and its transaction id, for removing duplicates and for `unsigned.transaction_id`. */
  readonly deviceId: string | null;
  readonly txnId: string | null;
  /** Milliseconds; null means now. Application services may set it. */
  readonly originServerTs: number | null;
}

/**
 * The device of events that were sent late (MSC4140), with their delay_id as the transaction id: so none is sent twice, whoever is about
 * to send it.
 */
export const DELAYED_DEVICE = "org.matrix.msc4140.delayed";

/** A room to be made: the create event is built already, as the room id may be its hash. All or nothing. */
export interface NewRoomIntent {
  readonly roomId: string;
  readonly version: string;
  readonly creator: string;
  readonly isPublic: boolean;
  /** Canonical JSON of the signed create event. */
  readonly createEvent: string;
  readonly events: readonly SendIntent[];
}

export interface SentEvent {
  readonly eventId: string;
  /** Position of the event in the events stream. */
  readonly streamOrdering: number;
}

/** A refusal that travels between processes as data. */
export interface SendRefusal {
  readonly status: number;
  readonly errcode: string;
  readonly message: string;
  readonly extra: JsonObject;
}

export type SendOutcome = { readonly sent: SentEvent } | { readonly refused: SendRefusal };

/** An intent with everything at its default but what is given. */
export function sendIntent(
  required: Pick<SendIntent, "roomId" | "sender" | "type" | "content">,
  more: Partial<SendIntent> = {},
): SendIntent {
  return { stateKey: null, redacts: null, deviceId: null, txnId: null, originServerTs: null, ...required, ...more };
}

/** An outcome that is no refusal; throws the MatrixError that the refusal means. */
export function unwrap<T extends object>(outcome: T | { readonly refused: SendRefusal }): T {
  if (!("refused" in outcome)) return outcome;
  const { status, errcode, message, extra } = outcome.refused;
  throw new MatrixError(status, errcode, message, extra);
}
