import type { JsonObject } from "../lib/json";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import type { ReplicationLog } from "./log";
import type { ReplicationMetrics } from "./metrics";
import type { Ownership } from "./ownership";
import type { RpcTransport } from "./rpcTransport";
import type { Positions, Streams } from "./streams";

/** Who handles an input: whoever owns the key of a stream (or stands for a duty of that name), or an instance by name. */
export type RpcOwner = { readonly stream: string; readonly key?: string } | { readonly instance: string };

/** A call that runs where the data has its owner. A is the part of App that the handler wants. */
export interface RpcDef<A, I, O> {
  readonly name: string;
  owner(input: I): RpcOwner;
  /** How many inputs may be handled together; absent, one. */
  readonly batch?: number;
  /**
   * Whether it does no harm to handle an input twice. Then a call whose owner died is made again to the next one, although
   * the first may have done it; else it fails with 502.
   */
  readonly repeatable?: boolean;
  /** How long a call may take with all its attempts, default 60 s. */
  readonly timeoutMs?: number;
  /**
   * Gives one output for each input, in order; an Error in place of an output fails that call alone. Inputs and outputs must
   * survive JSON where the owner may be elsewhere.
   */
  handle(app: A, inputs: readonly I[]): Promise<readonly (O | Error)[]>;
}
export type AnyRpc = RpcDef<unknown, unknown, unknown>;

export function defineRpc<A, I, O>(def: RpcDef<A, I, O>): RpcDef<A, I, O> {
  return def;
}

/** What one process asks of another. */
export interface RpcRequest {
  /** Random; the same when the request is made again because its answer was lost. */
  readonly txn: string;
  /** The life of the receiver that the first attempt may have reached; absent on first attempts. */
  readonly again?: string;
  readonly positions: Positions;
  readonly inputs: readonly unknown[];
}

export type RpcResult = { readonly output?: unknown } | { readonly error: { readonly status: number; readonly body: JsonObject } };

export interface RpcAnswer {
  /** Which life of the receiver answers; a restarted one doesn't remember what it did. */
  readonly life: string;
  /** The streams that moved meanwhile, and where to. */
  readonly positions: Positions;
  readonly results: readonly RpcResult[];
}

/** The receiver isn't the owner, or not any more. Nothing was done. */
export const NOT_OWNER = "IO.SYNAPSE_TS.NOT_OWNER";
/** Whether an earlier attempt was handled is not known any more. Nothing was done now. */
export const FORGOTTEN = "IO.SYNAPSE_TS.FORGOTTEN";

export interface Rpc {
  /**
   * Has the owner handle the input: by a function call where that is this process. When it resolves, what the call wrote can
   * be read here. Errors of the handler pass through as MatrixError; 502 M_UNKNOWN when the owner cannot be reached.
   */
  call<A, I, O>(def: RpcDef<A, I, O>, input: I): Promise<O>;
  /** Answers POST /_synapse/replication/<name> of another process. */
  receive(name: string, body: unknown): Promise<RpcAnswer>;
  close(): Promise<void>;
}

export interface RpcOptions {
  /** All there are; other processes can call these alone. */
  readonly defs: readonly AnyRpc[];
  /** Handed to the handlers. A function, because the app holds the rpc. */
  readonly app: () => unknown;
  readonly ownership: Ownership;
  readonly streams: Pick<Streams, "positions" | "horizon" | "unsettled" | "waitFor">;
  /** What to ask ownership for a stream: its writer, and a key only where it is sharded. */
  readonly writerOf: (stream: string, key: string | undefined) => { readonly standsFor: string; readonly key?: string };
  /** Resolves when what this process told the others lies at each of them. Must not reject; absent where nobody else can be told. */
  readonly told?: (() => Promise<void>) | undefined;
  /** Absent in a process that is alone. */
  readonly transport: RpcTransport | undefined;
  readonly log: ReplicationLog;
  readonly metrics?: Pick<ReplicationMetrics, "request">;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long to wait for positions; after that one goes on and may read what is slightly old. */
export const POSITION_WAIT_MS = 5_000;

/** The instance that handles what belongs to owner. */
export function ownerName(options: Pick<RpcOptions, "ownership" | "writerOf">, owner: RpcOwner): string {
  if ("instance" in owner) return owner.instance;
  const { standsFor, key } = options.writerOf(owner.stream, owner.key);
  return options.ownership.ownerOf(standsFor, key);
}
