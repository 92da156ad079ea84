import type { JsonObject } from "../lib/json";
import type { CheckedPdu } from "./checkedPdu";
import { defineRpc } from "../replication/rpc";
import type { Rpc } from "../replication/rpc";
import { writerOf } from "./eventsRpc";
import type { EventWriterApp } from "./eventsRpc";
import type { SendIntent, SendRefusal, SentEvent } from "./intents";
import { unwrap } from "./intents";

/** What became of an event of another server. */
export type RemoteOutcome =
  | { readonly kind: "stored"; readonly sent: SentEvent }
  | { readonly kind: "known" }
  /** Nothing was stored: these events have to be had first. */
  | { readonly kind: "missing"; readonly prev: readonly string[]; readonly auth: readonly string[] }
  | { readonly kind: "rejected"; readonly reason: string }
  | { readonly kind: "soft_failed"; readonly reason: string };

/** The state before an event that is not known here, as another server has it: ids of events that are stored. */
export interface ForeignState {
  readonly eventId: string;
  readonly state: readonly string[];
}

/** That the members of a room were left out (server-server API, send_join, `members_omitted`). */
export interface LackingMembers {
  /** The server that left them out. */
  readonly via: string;
  /** The servers in the room before the join, as it says. */
  readonly hosts: readonly string[];
}

/** An event with the state before it, which cannot be worked out here. */
export interface EventWithState {
  readonly roomId: string;
  readonly version: string;
  readonly event: CheckedPdu;
  /** Ids of events that are stored. */
  readonly state: readonly string[];
  /** Set where the state lacks members. */
  readonly lacking?: LackingMembers | undefined;
}

/** An invitation, or its end, in a room that nobody of this server is in. */
export interface OutOfBandMembership {
  readonly roomId: string;
  readonly version: string;
  readonly event: CheckedPdu;
  readonly strippedState: readonly JsonObject[];
}

/** History from before anything that is stored: newest first, as /backfill gives it. */
export interface OlderEvents {
  readonly roomId: string;
  readonly events: readonly CheckedPdu[];
  /** The state before events that they follow and that have no place here, so that theirs can be worked out. */
  readonly foreign?: readonly ForeignState[];
}

type RemoteRequest =
  | {
      readonly kind: "event";
      readonly roomId: string;
      readonly event: CheckedPdu;
      /** Of events before it that cannot be had. */
      readonly foreign?: readonly ForeignState[];
      /** It is to be soft-failed, whatever the room's rules say of it. */
      readonly suspect?: boolean;
      /** Set for an event of ours that somebody else had to sign. */
      readonly ours?: Pick<SendIntent, "sender" | "deviceId" | "txnId">;
    }
  | ({ readonly kind: "with_state" } & EventWithState)
  | { readonly kind: "outliers"; readonly roomId: string; readonly version: string; readonly events: readonly CheckedPdu[] }
  | ({ readonly kind: "out_of_band" } & OutOfBandMembership)
  | ({ readonly kind: "older" } & OlderEvents);
export type { RemoteRequest };

type PrepareOutcome = CheckedPdu | { readonly refused: SendRefusal };

/** Events of one room out of one transaction, in order. */
export interface TransactionEvents {
  readonly roomId: string;
  readonly events: readonly { readonly event: CheckedPdu; readonly suspect: boolean }[];
}

/** One that could not be stored now, whatever it is, may be sent again. */
export type TransactionOutcome = RemoteOutcome | { readonly kind: "failed"; readonly reason: string };

const prepare = defineRpc({
  name: "prepare_event",
  owner: (intent: SendIntent) => ({ stream: "events", key: intent.roomId }),
  handle: (app: EventWriterApp, intents: readonly SendIntent[]): Promise<readonly PrepareOutcome[]> =>
    Promise.all(intents.map((intent) => writerOf(app).prepare(intent))),
});

const storeRemote = defineRpc({
  name: "store_remote_events",
  owner: (request: RemoteRequest) => ({ stream: "events", key: request.roomId }),
  repeatable: true,
  handle: (app: EventWriterApp, requests: readonly RemoteRequest[]): Promise<readonly RemoteOutcome[]> =>
    Promise.all(requests.map((request) => writerOf(app).storeRemote(request))),
});

const storeTransaction = defineRpc({
  name: "store_transaction_events",
  owner: ({ roomId }: TransactionEvents) => ({ stream: "events", key: roomId }),
  repeatable: true,
  handle: (app: EventWriterApp, requests: readonly TransactionEvents[]): Promise<readonly (readonly TransactionOutcome[])[]> =>
    Promise.all(requests.map((request) => writerOf(app).storeTransaction(request))),
});

export const remoteRpcs = [prepare, storeRemote, storeTransaction];

type RpcApp = { readonly rpc: Rpc };

/** Builds an event on the present state and signs it, and stores nothing: for make_join and for invitations that another server signs too. */
export async function prepareEvent(app: RpcApp, intent: SendIntent): Promise<CheckedPdu> {
  return unwrap<CheckedPdu>(await app.rpc.call(prepare, intent));
}

/**
 * Stores an event of another server in a room that we are in. What it rests on must be here, and what came before it too, or be among
 * `foreign`; the answer says what is missing.
 */
export function storeRemoteEvent(
  app: RpcApp,
  roomId: string,
  event: CheckedPdu,
  options: Pick<Extract<RemoteRequest, { kind: "event" }>, "foreign" | "suspect" | "ours"> = {},
): Promise<RemoteOutcome> {
  return app.rpc.call(storeRemote, { kind: "event", roomId, event, ...options });
}

/** As storeRemoteEvent for what came together. Outcomes are parallel to the events; one may rest on another before it. */
export function storeTransactionEvents(app: RpcApp, request: TransactionEvents): Promise<readonly TransactionOutcome[]> {
  return app.rpc.call(storeTransaction, request);
}

/** Stores an event with the state before it: the answer to send_join, whose events are stored as outliers. */
export function storeWithState(app: RpcApp, request: EventWithState): Promise<RemoteOutcome> {
  return app.rpc.call(storeRemote, { kind: "with_state", ...request });
}

/** Stores events that others refer to, such as auth events, without a place in the room's history. */
export function storeOutliers(app: RpcApp, roomId: string, version: string, events: readonly CheckedPdu[]): Promise<RemoteOutcome> {
  return app.rpc.call(storeRemote, { kind: "outliers", roomId, version, events });
}

export function storeOutOfBand(app: RpcApp, request: OutOfBandMembership): Promise<RemoteOutcome> {
  return app.rpc.call(storeRemote, { kind: "out_of_band", ...request });
}

/** Puts older history in front of what is stored. */
export function storeOlder(app: RpcApp, request: OlderEvents): Promise<RemoteOutcome> {
  return app.rpc.call(storeRemote, { kind: "older", ...request });
}
