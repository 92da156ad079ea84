import { SimulatedDatabase } from "./database";
import type { Mutation } from "./database";
import { createModelProcess, noteRpc, sendRpc, writers } from "./modelProcess";
import type { ModelProcess, ModelWorld } from "./modelProcess";
import { Network } from "./network";
import { Simulation } from "./simulation";
import type { Actor } from "./simulation";

export interface Sent {
  readonly room: string;
  readonly txn: string;
  readonly invoked: number;
  acknowledged?: number;
  id?: number;
}

const names = ["main", ...writers];
/** Nothing ever happens to it. */
const CALLER = "caller";
const rooms = ["!a", "!b", "!c"];
const ATTEMPT_MS = 6_000;
const RETRY_MS = 100;
const NOTE_MS = 250;

/** Some processes of one server, and somebody who sends through them. */
export class Model implements ModelWorld {
  readonly sim: Simulation;
  readonly network: Network;
  readonly database: SimulatedDatabase;
  readonly sent: Sent[] = [];
  /** Processes that took another one for themselves. There is none: a name is given once. */
  private readonly replaced: string[] = [];
  /** By name, the present life of each. */
  readonly live = new Map<string, ModelProcess>();
  private readonly client: Actor = { name: "client", frozen: false, dead: false };

  constructor(
    seed: number,
    readonly mutation: Mutation,
  ) {
    this.sim = new Simulation(seed);
    this.network = new Network(this.sim);
    this.database = new SimulatedDatabase(this.sim, mutation);
  }

  start(name: string): void {
    if (this.live.has(name)) return;
    const process = createModelProcess(this, name, () => {
      this.replaced.push(name);
      this.kill(name);
    });
    this.live.set(name, process);
    // Whoever starts a process starts it again when it fails to.
    this.sim.after(
      0,
      process.actor,
      () => void process.start().catch(() => (this.kill(name), this.sim.after(500, undefined, () => this.start(name)))),
    );
  }

  kill(name: string): void {
    const process = this.live.get(name);
    if (!process) return;
    this.live.delete(name);
    process.actor.dead = true;
    this.network.closeOf(process.actor);
    this.database.closeOf(process.actor);
  }

  /** In order; it is gone when everything is handed over. */
  stop(name: string): void {
    const process = this.live.get(name);
    if (process) this.sim.after(0, process.actor, () => void process.stop().then(() => this.kill(name)));
  }

  freeze(name: string, ms: number): void {
    const actor = this.live.get(name)?.actor;
    if (!actor) return;
    actor.frozen = true;
    this.sim.after(ms, undefined, () => this.sim.thaw(actor));
  }

  /** Sends an event by way of whichever process, again and again until it is acknowledged. */
  send(room: string, txn: string): Sent {
    const sent: Sent = { room, txn, invoked: this.sim.now };
    this.sent.push(sent);
    const attempt = (): void => {
      const process = [...this.live.values()][this.sim.random.below(this.live.size)];
      let over = false;
      const end = (id: number | undefined) => (): void => {
        if (over || sent.acknowledged !== undefined) return;
        over = true;
        if (id === undefined) return void this.sim.after(RETRY_MS, this.client, attempt);
        sent.acknowledged = this.sim.now;
        sent.id = id;
      };
      this.sim.after(ATTEMPT_MS, this.client, end(undefined));
      if (!process || process.startedAt() === undefined) return void this.sim.after(1, this.client, end(undefined));
      this.sim.after(1, process.actor, () => {
        void process.rpc.call(sendRpc, { room, txn }).then(
          (id) => this.sim.after(1, this.client, end(id)),
          () => this.sim.after(1, this.client, end(undefined)),
        );
      });
    };
    attempt();
    return sent;
  }

  /** Changes a value again and again, each time once the last change is acknowledged, by way of a process that nothing happens to. */
  note(key: string, value: number, until: number): void {
    const again = (next: number): void => void this.sim.after(NOTE_MS, this.client, () => this.note(key, next, until));
    const process = this.live.get(CALLER);
    if (!process || this.sim.now > until) return;
    this.sim.after(1, process.actor, () => {
      void process.rpc.call(noteRpc, { key, value }).then(
        () => again(value + 1),
        () => again(value),
      );
    });
  }

  /** All that the protocol promises and that does not hold; to be asked once nothing is under way any more. */
  problems(): string[] {
    const { events } = this.database;
    const committed = events.map(({ id }) => id);
    const head = committed.at(-1) ?? 0;
    const problems = this.replaced.map((name) => `${name} gave up because of another process of its name`);
    for (const { txn, room, acknowledged, id } of this.sent) {
      const stored = events.filter((event) => event.txn === txn && event.room === room);
      if (acknowledged === undefined) problems.push(`${txn} was never acknowledged`);
      else if (stored.length !== 1) problems.push(`${txn} is stored ${stored.length} times`);
      else if (stored[0]?.id !== id) problems.push(`${txn} was answered with another event`);
    }
    for (const room of rooms) {
      let last = 0;
      for (const { id, prev } of events.filter((event) => event.room === room)) {
        if (prev !== last) problems.push(`event ${id} of ${room} comes after ${prev} and not ${last}`);
        last = id;
      }
    }
    for (const key of rooms) {
      const values = this.database.notes.filter((note) => note.key === key).map(({ value }) => value);
      const at = values.findIndex((value, i) => value < (values[i - 1] ?? 0));
      if (at >= 0) problems.push(`${values[at]} was put in the place of ${values[at - 1]} for ${key}`);
    }
    for (const { actor, seen, startedAt, position, leases } of this.live.values()) {
      const from = startedAt() ?? 0;
      const wanted = committed.filter((id) => id > from);
      if (seen.join() !== wanted.join()) problems.push(`${actor.name} saw ${difference(seen, wanted)}`);
      if (position() < head) problems.push(`${actor.name} stands at ${position()} and not ${head}`);
      for (const room of rooms) {
        const owner = leases.ownerOf("events", room);
        const main = this.live.get("main")?.leases.ownerOf("events", room);
        if (owner !== main || !this.live.has(owner)) problems.push(`${actor.name} takes ${owner} for the owner of ${room}, main ${main}`);
      }
    }
    return problems;
  }
}

function difference(seen: readonly number[], wanted: readonly number[]): string {
  const missing = wanted.filter((id) => !seen.includes(id));
  const strange = seen.filter((id, i) => !wanted.includes(id) || seen.indexOf(id) !== i);
  return `not ${missing.slice(0, 5).join()}, and besides ${strange.slice(0, 5).join()}`;
}

const FAULTS_MS = 20_000;
const HEALING_MS = 60_000;

function planFaults(model: Model): void {
  const { sim, network, database } = model;
  const { random } = sim;
  network.loss = random.pick([0, 0.02, 0.2]);
  const count = 1 + random.below(4);
  for (let i = 0; i < count; i++) {
    const name = random.pick(names);
    const ms = 100 + random.below(9_000);
    const fault = random.pick<() => void>([
      () => (model.kill(name), sim.after(ms, undefined, () => model.start(name))),
      () => (model.stop(name), sim.after(ms, undefined, () => model.start(name))),
      () => model.freeze(name, ms * 2),
      () => model.freeze(name, ms),
      () => model.live.get(name) && network.cutBus((model.live.get(name) as ModelProcess).actor, ms),
      () => database.crash(ms / 4),
      () => database.freeze(ms),
    ]);
    sim.after(6_000 + random.below(FAULTS_MS - 6_000), undefined, () => fault());
  }
  sim.after(FAULTS_MS, undefined, () => (network.loss = 0));
}

/** One run: events are sent while this and that fails, then everything heals. Gives what is wrong in the end. */
export async function runModel(seed: number, mutation: Mutation = {}): Promise<string[]> {
  const model = new Model(seed, mutation);
  const { sim } = model;
  return sim.withTimers(async () => {
    for (const name of [...names, CALLER]) model.start(name);
    planFaults(model);
    // Not in all runs: it costs as much as all the rest.
    const changes = seed % 3 === 0 || mutation.without === "fencing";
    if (changes) for (const key of rooms) sim.after(3_000, undefined, () => model.note(key, 1, FAULTS_MS + 10_000));
    for (let i = 0; i < 40; i++)
      sim.after(3_000 + sim.random.below(FAULTS_MS), undefined, () => void model.send(sim.random.pick(rooms), `t${i}`));
    await sim.run(FAULTS_MS + 12_000);
    // A process that was being stopped when it was to start again.
    for (const name of names) model.start(name);
    await sim.run(FAULTS_MS + HEALING_MS, () => model.sent.every(({ acknowledged }) => acknowledged !== undefined));
    await sim.run(sim.now + 8_000);
    return model.problems();
  });
}

/** How long a room is without a writer when its owner goes, in virtual milliseconds. */
export async function measureTakeover(seed: number, how: "kill" | "stop" | "freeze"): Promise<number> {
  const model = new Model(seed, {});
  const { sim } = model;
  return sim.withTimers(async () => {
    for (const name of names) model.start(name);
    await sim.run(7_000 + sim.random.below(4_000));
    const owner = model.live.get("main")?.leases.ownerOf("events", "!a") ?? "";
    if (how === "freeze") model.freeze(owner, 30_000);
    else model[how](owner);
    const gone = sim.now;
    const others = [...model.live.values()].filter(({ actor }) => actor.name !== owner);
    const taken = (): boolean => others.some(({ leases, actor }) => actor.name !== "main" && leases.isMine("events", "!a"));
    await sim.run(gone + 60_000, taken);
    return sim.now - gone;
  });
}
