import { MatrixError } from "../errors";
import { LeaseLostError } from "../storage/databaseError";
import { Lane } from "./lane";
import type { ReplicationLog } from "./log";
import { POSITION_WAIT_MS, ownerName } from "./rpc";
import type { AnyRpc, Rpc, RpcOptions } from "./rpc";
import { RpcReceiver } from "./rpcReceiver";
import { CallSender, DEFAULT_TIMEOUT_MS, pause } from "./rpcSender";

interface Call {
  readonly input: unknown;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Waits until what this process wrote can be read here: positions may lag behind while another writer's rows are on their way. */
async function settle(streams: RpcOptions["streams"], log: ReplicationLog): Promise<void> {
  const open = streams.unsettled();
  if (open && !(await streams.waitFor(open, POSITION_WAIT_MS)))
    log.warn(() => `still waiting for ${JSON.stringify(open)}; going on without`);
}

/** Runs a handler and tells each call its outcome. */
async function runHere(options: RpcOptions, def: AnyRpc, calls: readonly Call[]): Promise<void> {
  try {
    const outputs = await def.handle(
      options.app(),
      calls.map(({ input }) => input),
    );
    await settle(options.streams, options.log);
    calls.forEach(({ resolve, reject }, i) => {
      const output = outputs[i];
      if (output instanceof Error) reject(output);
      else resolve(output);
    });
  } catch (error) {
    for (const { reject } of calls) reject(error);
  }
}

/** How long to wait until this process knows what the database does of its leases. */
const LEASE_PAUSE_MS = 100;

/** Handlers of batched calls work in parallel up to this; each has its own queues behind it. */
const PARALLEL_HERE = 256;

export function createRpc(options: RpcOptions): Rpc {
  const { clock, ownership, transport } = options;
  const lanes = new Map<AnyRpc, Lane<Call>>();
  const sender = transport && new CallSender({ ...options, transport });
  const receiver = new RpcReceiver(options);

  function laneOf(def: AnyRpc): Lane<Call> {
    const known = lanes.get(def);
    if (known) return known;
    const lane = new Lane<Call>({ batch: def.batch ?? 1, parallel: PARALLEL_HERE, run: (calls) => runHere(options, def, calls) });
    lanes.set(def, lane);
    return lane;
  }

  function callHere(def: AnyRpc, input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call: Call = { input, resolve, reject };
      if (def.batch === undefined) void runHere(options, def, [call]);
      else laneOf(def).push(call);
    });
  }

  async function callAnywhere(def: AnyRpc, input: unknown): Promise<unknown> {
    const deadline = clock.monotonic() + (def.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    for (;;) {
      try {
        return await callOnce(def, input);
      } catch (error) {
        // The leases ended while the input waited here: nothing was done.
        if (!(error instanceof LeaseLostError) || clock.monotonic() > deadline) throw error;
        await pause(LEASE_PAUSE_MS);
        await ownership.refresh().catch(() => undefined);
      }
    }
  }

  async function callOnce(def: AnyRpc, input: unknown): Promise<unknown> {
    const owner = ownerName(options, def.owner(input));
    if (owner === ownership.instance) return callHere(def, input);
    if (!sender) throw new MatrixError(500, "M_UNKNOWN", `There is no ${owner} process to talk to`);
    const outcome = await sender.send(def, input);
    return outcome.here ? callHere(def, input) : outcome.output;
  }

  return {
    call: async (def, input) => (await callAnywhere(def as AnyRpc, input)) as never,
    receive: (name, body) => receiver.receive(name, body, callHere),
    async close() {
      sender?.close();
      await transport?.close();
    },
  };
}
