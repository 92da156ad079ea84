import { setMaxListeners } from "node:events";
import { MatrixError } from "../errors";
import type { JsonObject } from "../lib/json";
import { Lane } from "./lane";
import { FORGOTTEN, NOT_OWNER, POSITION_WAIT_MS, ownerName } from "./rpc";
import type { AnyRpc, RpcAnswer, RpcOptions } from "./rpc";
import { UnreachableError } from "./rpcTransport";
import type { RpcTransport } from "./rpcTransport";

/** What became of one attempt. */
type Outcome =
  | { readonly kind: "done"; readonly output: unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  /** Nothing was done: the owner is another one, or away. */
  | { readonly kind: "notDone"; readonly error: Error }
  /** Perhaps it was done, and there is nobody left to ask. */
  | { readonly kind: "lost"; readonly error: Error };

interface Parcel {
  /** The input as JSON. */
  readonly text: string;
  readonly deadline: number;
  readonly settle: (outcome: Outcome) => void;
}

/** Batches under way to one instance under one name. */
const PARALLEL_BATCHES = 16;
/** A batch costs both sides much more than one call in it, and the writers take one after the other anyway. */
const LINGER_MS = 10;
const PARALLEL_SINGLES = 64;
const MAX_BATCH_CHARACTERS = 4_000_000;
export const DEFAULT_TIMEOUT_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 2_000;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function errorOf(status: number, body: JsonObject): MatrixError {
  const { errcode, error, ...extra } = body;
  return new MatrixError(status, String(errcode ?? "M_UNKNOWN"), String(error ?? "Unknown error"), extra);
}

/** Makes calls to other processes: what waits for one instance travels together, and what fails to arrive is sent again. */
export class CallSender {
  private readonly lanes = new Map<string, Lane<Parcel>>();
  /** The life in which an instance last answered. */
  private readonly lives = new Map<string, string>();
  /** Aborted when the instance turns out to be dead: a machine that lost its power closes no connections. */
  private readonly deaths = new Map<string, AbortController>();
  private closed = false;

  constructor(private readonly options: RpcOptions & { readonly transport: RpcTransport }) {
    const { ownership } = options;
    ownership.onChange(() => {
      for (const [instance, death] of this.deaths) {
        if (ownership.isLive(instance)) continue;
        this.deaths.delete(instance);
        death.abort();
      }
    });
  }

  /** Gives the output, or `here` when meanwhile this process has become the owner. */
  async send(def: AnyRpc, input: unknown): Promise<{ readonly here: true } | { readonly here: false; readonly output: unknown }> {
    const { clock, ownership } = this.options;
    const deadline = clock.monotonic() + (def.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const text = JSON.stringify(input) ?? "null";
    for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 2, MAX_PAUSE_MS)) {
      const owner = ownerName(this.options, def.owner(input));
      if (owner === ownership.instance) return { here: true };
      const outcome = await new Promise<Outcome>((settle) => this.laneOf(owner, def).push({ text, deadline, settle }));
      if (outcome.kind === "done") return { here: false, output: outcome.output };
      if (outcome.kind === "failed") throw outcome.error;
      const again = outcome.kind === "notDone" || def.repeatable === true;
      if (!again || this.closed || clock.monotonic() + ms > deadline) throw new MatrixError(502, "M_UNKNOWN", outcome.error.message);
      await pause(ms);
      await ownership.refresh().catch(() => undefined);
    }
  }

  /** Gives up calls that wait for somebody to come back. */
  close(): void {
    this.closed = true;
  }

  private deathOf(instance: string): AbortSignal {
    let death = this.deaths.get(instance);
    if (!death) {
      this.deaths.set(instance, (death = new AbortController()));
      setMaxListeners(0, death.signal);
    }
    return death.signal;
  }

  private laneOf(instance: string, def: AnyRpc): Lane<Parcel> {
    const id = `${instance} ${def.name}`;
    const known = this.lanes.get(id);
    if (known) return known;
    const lane = new Lane<Parcel>({
      batch: def.batch ?? 1,
      parallel: def.batch === undefined ? PARALLEL_SINGLES : PARALLEL_BATCHES,
      lingerMs: def.batch === undefined ? 0 : LINGER_MS,
      sizeOf: ({ text }) => text.length,
      maxSize: MAX_BATCH_CHARACTERS,
      run: (parcels) => this.deliver(instance, def, parcels),
    });
    this.lanes.set(id, lane);
    return lane;
  }

  private async deliver(instance: string, def: AnyRpc, parcels: readonly Parcel[]): Promise<void> {
    const outcomes = await this.exchange(instance, def, parcels).catch((error: unknown): Outcome[] => [{ kind: "failed", error }]);
    const missing: Outcome =
      outcomes.length === 1 && outcomes[0] ? outcomes[0] : { kind: "failed", error: new Error("no answer to this call") };
    parcels.forEach(({ settle }, i) => settle(outcomes[i] ?? missing));
  }

  /** One batch. Gives an outcome for each parcel, or one for all. While the outcome is unknown the same instance is asked again. */
  private async exchange(instance: string, def: AnyRpc, parcels: readonly Parcel[]): Promise<Outcome[]> {
    const { clock, metrics, ownership, random, streams, transport } = this.options;
    const txn = random.letters(16);
    const deadline = Math.min(...parcels.map((parcel) => parcel.deadline));
    // Of the life that the first attempt may have reached.
    const life = this.lives.get(instance) ?? "";
    const inputs = parcels.map(({ text }) => text).join(",");
    let maybeDone = false;
    for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 2, MAX_PAUSE_MS)) {
      // A death is told once: a batch that began to wait or to pause before it would be sent after it, and hang at a frozen process.
      if (!ownership.isLive(instance)) {
        const error = new UnreachableError(instance, "no", new Error("its leases have ended"));
        return [{ kind: maybeDone ? "lost" : "notDone", error }];
      }
      const head = JSON.stringify({ txn, again: maybeDone ? life : undefined, positions: streams.positions() });
      const body = `${head.slice(0, -1)},"inputs":[${inputs}]}`;
      const left = Math.max(1, deadline - clock.monotonic());
      const ended = metrics?.request(def.name);
      try {
        const answer = await transport.post(instance, `/_synapse/replication/${def.name}`, body, left, this.deathOf(instance));
        ended?.(String(answer.status));
        return await this.read(instance, answer, maybeDone);
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
        ended?.("unreachable");
        maybeDone ||= error.executed === "unknown";
        if (!maybeDone) return [{ kind: "notDone", error }];
        await ownership.refresh().catch(() => undefined);
        if (!ownership.isLive(instance) || this.closed || clock.monotonic() + ms > deadline) return [{ kind: "lost", error }];
        await pause(ms);
      }
    }
  }

  private async read(instance: string, { status, body }: { status: number; body: unknown }, maybeDone: boolean): Promise<Outcome[]> {
    if (status !== 200) {
      const error = errorOf(status, body as JsonObject);
      if (error.errcode === FORGOTTEN) return [{ kind: "lost", error }];
      if (error.errcode === NOT_OWNER) return [{ kind: maybeDone ? "lost" : "notDone", error }];
      return [{ kind: "failed", error }];
    }
    const { life, positions, results } = body as RpcAnswer;
    this.lives.set(instance, life);
    const { streams, log } = this.options;
    if (!(await streams.waitFor(positions, POSITION_WAIT_MS)))
      log.warn(() => `still waiting for what ${instance} wrote, ${JSON.stringify(positions)}; going on without`);
    return results.map((result): Outcome => {
      if (!("error" in result)) return { kind: "done", output: result.output };
      const error = errorOf(result.error.status, result.error.body);
      // It was the owner when it was asked, and not any more when it was to write.
      return { kind: error.errcode === NOT_OWNER ? "notDone" : "failed", error };
    });
  }
}
