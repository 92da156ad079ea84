import { MatrixError } from "../../../src/errors";
import { createSubscriptions } from "../../../src/replication/bus";
import type { Bus } from "../../../src/replication/bus";
import type { Rpc } from "../../../src/replication/rpc";
import { UnreachableError } from "../../../src/replication/rpcTransport";
import type { RpcTransport } from "../../../src/replication/rpcTransport";
import type { Actor, Simulation } from "./simulation";

interface Listening {
  readonly actor: Actor;
  /** Absent until it answers requests. */
  rpc: Rpc | undefined;
}

interface Endpoint {
  readonly actor: Actor;
  readonly subscriptions: ReturnType<typeof createSubscriptions>;
  readonly reconnected: Set<() => void>;
  up: boolean;
}

/** What connects the processes: messages that may be late or get lost, and requests whose answers may get lost. */
export class Network {
  /** How many messages of the bus vanish without anybody noticing. */
  loss = 0;
  private readonly endpoints = new Set<Endpoint>();
  private readonly listening = new Map<string, Listening>();
  private readonly pending = new Map<Actor, Set<() => void>>();

  constructor(private readonly sim: Simulation) {}

  bus(actor: Actor): Bus {
    const self: Endpoint = {
      actor,
      subscriptions: createSubscriptions((error) => {
        throw error;
      }),
      reconnected: new Set(),
      up: true,
    };
    this.endpoints.add(self);
    return {
      shared: true,
      connected: () => self.up,
      publish: (channel, text) => {
        if (!self.up) return;
        for (const other of this.endpoints) {
          if (other === self || !other.up || this.sim.random.fraction() < this.loss) continue;
          this.sim.after(this.latency(), other.actor, () => {
            if (other.up) other.subscriptions.deliver(channel, text);
          });
        }
      },
      delivered: () => Promise.resolve(),
      subscribe: (channel, fn) => self.subscriptions.add(channel, fn),
      onReconnect: (fn) => {
        self.reconnected.add(fn);
        return () => self.reconnected.delete(fn);
      },
      close: async () => void this.endpoints.delete(self),
    };
  }

  /** Takes the bus away from a process for a while. */
  cutBus(actor: Actor, ms: number): void {
    for (const endpoint of this.endpoints) {
      if (endpoint.actor !== actor) continue;
      endpoint.up = false;
      this.sim.after(ms, actor, () => {
        endpoint.up = true;
        for (const fn of endpoint.reconnected) fn();
      });
    }
  }

  listen(actor: Actor, rpc: Rpc): void {
    this.listening.set(actor.name, { actor, rpc });
  }

  unlisten(actor: Actor): void {
    if (this.listening.get(actor.name)?.actor === actor) this.listening.delete(actor.name);
  }

  /** The process is gone, and the system tells whoever waits for it. */
  closeOf(actor: Actor): void {
    this.unlisten(actor);
    for (const endpoint of this.endpoints) if (endpoint.actor === actor) this.endpoints.delete(endpoint);
    for (const reset of this.pending.get(actor) ?? []) reset();
    this.pending.delete(actor);
  }

  transport(caller: Actor): RpcTransport {
    return {
      post: (instance, path, body, timeoutMs, signal) =>
        new Promise((resolve, reject) => {
          const target = this.listening.get(instance);
          const fail = (executed: "no" | "unknown") => (): void => reject(new UnreachableError(instance, executed, new Error("simulated")));
          if (!target) return void this.sim.after(this.latency(), caller, fail("no"));
          const lost = this.sim.random.fraction() < this.loss;
          const answer = (status: number, value: unknown): void => {
            const reply = { status, body: JSON.parse(JSON.stringify(value)) as unknown };
            this.sim.after(this.latency(), caller, lost ? fail("unknown") : () => resolve(reply));
          };
          this.sim.after(timeoutMs, caller, fail("unknown"));
          signal?.addEventListener("abort", fail("unknown"), { once: true });
          const reset = (): void => void this.sim.after(this.latency(), caller, fail("unknown"));
          const resets = this.pending.get(target.actor) ?? new Set();
          this.pending.set(target.actor, resets.add(reset));
          this.sim.after(this.latency(), target.actor, () => {
            const name = path.split("/").at(-1) ?? "";
            target.rpc?.receive(name, JSON.parse(body)).then(
              (value) => answer(200, value),
              (error: unknown) =>
                error instanceof MatrixError ? answer(error.status, error.body()) : answer(500, { errcode: "M_UNKNOWN" }),
            );
          });
        }),
      close: async () => undefined,
    };
  }

  private latency(): number {
    return this.sim.random.fraction() < 0.02 ? 100 + this.sim.random.below(900) : 0.2 + this.sim.random.fraction() * 4;
  }
}
