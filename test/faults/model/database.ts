import { LeaseLostError } from "../../../src/storage/databaseError";
import type { Database, Db, Param } from "../../../src/storage/db";
import type { Actor, Simulation } from "./simulation";

/** An event as the simulated table holds it. */
export interface EventRow {
  readonly id: number;
  readonly room: string;
  /** The event that its writer took for the last of the room. */
  readonly prev: number;
  readonly txn: string;
}

/** What a broken version of the protocol leaves out. */
export interface Mutation {
  readonly without?: "fencing" | "tip versions" | "catch-up" | "lock" | "transactions";
}

interface LeaseRow {
  readonly name: string;
  readonly instance: string;
  epoch: number;
  expires: number;
}

/** A value that somebody put in the place of another. */
export interface Note {
  readonly key: string;
  readonly value: number;
}

interface Transaction {
  readonly actor: Actor;
  readonly inserted: EventRow[];
  readonly tips: Map<string, Tip>;
  readonly notes: Note[];
  readonly locks: Set<string>;
  doomed: string | undefined;
  over: boolean;
  stopIdle: () => void;
}

export interface Tip {
  readonly version: number;
  readonly last: number;
}

type Rows = Record<string, unknown>[];
type Statement = (params: readonly Param[], tx: Transaction | undefined) => Rows | { readonly waitsFor: string; readonly shared?: true };

const IDLE_MS = 5_000;
const LOCK_MS = 20_000;

/**
 * A PostgreSQL as far as the protocol needs one: read committed, sequences, row and advisory locks that wait, and limits on silent
 * transactions. It knows the statements of storage/leases and storage/streamIds by their text, so that those run as they are.
 */
export class SimulatedDatabase {
  readonly events: EventRow[] = [];
  /** In the order in which they took effect. */
  readonly notes: Note[] = [];
  private readonly tips = new Map<string, Tip>();
  private readonly leases: LeaseRow[] = [];
  private epochs = 0;
  private ids = 0;
  private readonly held = new Map<string, Transaction>();
  private waiting: { readonly key: string; readonly tx: Transaction | undefined; readonly shared: boolean; readonly go: () => void }[] = [];
  private readonly open = new Set<Transaction>();
  private awayUntil = 0;
  private frozenUntil = 0;

  constructor(
    private readonly sim: Simulation,
    private readonly mutation: Mutation,
  ) {}

  /** Everything under way is rolled back, and nobody gets an answer for a while. */
  crash(ms: number): void {
    for (const tx of this.open) this.rollBack(tx, "the server ended");
    this.awayUntil = this.sim.now + ms;
  }

  /** Everybody waits. */
  freeze(ms: number): void {
    this.frozenUntil = this.sim.now + ms;
  }

  /** A process died: the system closes its connections. */
  closeOf(actor: Actor): void {
    for (const tx of this.open) if (tx.actor === actor) this.rollBack(tx, "the connection is closed");
  }

  leaseHolders(name: string): string[] {
    return this.leases.filter((lease) => lease.name === name).map(({ instance }) => instance);
  }

  connect(actor: Actor): Database {
    const query = ((strings: TemplateStringsArray, ...params: readonly Param[]) =>
      this.send(actor, undefined, strings, params)) as unknown as Db;
    return Object.assign(query.bind(undefined) as Db, {
      tx: <T>(fn: (tx: Db) => Promise<T>) => this.transact(actor, fn),
      close: async () => undefined,
    });
  }

  private async transact<T>(actor: Actor, fn: (tx: Db) => Promise<T>): Promise<T> {
    const tx: Transaction = {
      actor,
      inserted: [],
      tips: new Map(),
      notes: [],
      locks: new Set(),
      doomed: undefined,
      over: false,
      stopIdle: () => undefined,
    };
    this.open.add(tx);
    const db = ((strings: TemplateStringsArray, ...params: readonly Param[]) => this.send(actor, tx, strings, params)) as unknown as Db;
    try {
      const result = await fn(db);
      await this.exchange(actor, tx, () => this.commit(tx));
      return result;
    } catch (error) {
      if (!tx.over) this.rollBack(tx, "rolled back");
      throw error;
    }
  }

  private send(actor: Actor, tx: Transaction | undefined, strings: TemplateStringsArray, params: readonly Param[]): Promise<Rows> {
    const text = strings.join("?").replace(/\s+/g, " ").trim();
    const found = statements.find(([part]) => text.includes(part));
    if (!found) return Promise.reject(new Error(`the simulated database does not know: ${text}`));
    const result = this.exchange(actor, tx, () => found[1].call(this, params, tx));
    // As in storage/transaction: whoever waits for several statements hears of the first failure only.
    if (tx) result.catch(() => undefined);
    return result;
  }

  /** There and back again: the request takes a while, may have to wait for locks, and so does the answer. */
  private exchange(actor: Actor, tx: Transaction | undefined, work: () => ReturnType<Statement>): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const answer = (fn: () => void): void => {
        if (tx) this.watchIdle(tx);
        this.sim.after(this.delay(), actor, fn);
      };
      const attempt = (): void => {
        tx?.stopIdle();
        if (this.sim.now < this.frozenUntil) return void this.sim.after(this.frozenUntil - this.sim.now + this.delay(), undefined, attempt);
        if (this.sim.now < this.awayUntil) return answer(() => reject(new Error("the database is away")));
        if (tx?.doomed !== undefined) return answer(() => reject(new Error(tx.doomed)));
        let result: ReturnType<Statement>;
        try {
          result = work();
        } catch (error) {
          if (tx) tx.doomed = String(error);
          return answer(() => reject(error));
        }
        if (Array.isArray(result)) return answer(() => resolve(result as Rows));
        this.wait(result, tx, attempt, (message) => answer(() => reject(new Error(message))));
      };
      this.sim.after(this.delay(), undefined, attempt);
    });
  }

  private wait(
    on: { readonly waitsFor: string; readonly shared?: true },
    tx: Transaction | undefined,
    go: () => void,
    fail: (message: string) => void,
  ): void {
    const waiter = { key: on.waitsFor, tx, shared: on.shared === true, go: (): void => (stop(), go()) };
    const stop = this.sim.after(LOCK_MS, undefined, () => {
      this.waiting = this.waiting.filter((one) => one !== waiter);
      if (tx) tx.doomed = "canceling statement due to lock timeout";
      fail("canceling statement due to lock timeout");
    });
    this.waiting.push(waiter);
  }

  private delay(): number {
    return this.sim.random.fraction() < 0.02 ? 50 + this.sim.random.below(400) : 0.2 + this.sim.random.fraction() * 3;
  }

  private watchIdle(tx: Transaction): void {
    tx.stopIdle();
    if (!tx.over) tx.stopIdle = this.sim.after(IDLE_MS, undefined, () => this.rollBack(tx, "idle in transaction for too long"));
  }

  private commit(tx: Transaction): Rows {
    this.events.push(...tx.inserted);
    this.events.sort((a, b) => a.id - b.id);
    for (const [room, tip] of tx.tips) this.tips.set(room, tip);
    this.notes.push(...tx.notes);
    this.end(tx);
    return [];
  }

  private rollBack(tx: Transaction, why: string): void {
    if (tx.over) return;
    tx.doomed = why;
    this.end(tx);
  }

  private end(tx: Transaction): void {
    tx.over = true;
    tx.stopIdle();
    this.open.delete(tx);
    for (const key of tx.locks) this.held.delete(key);
    const ready = this.waiting.filter(({ key, tx: waiter }) => tx.locks.has(key) || waiter === tx);
    this.waiting = this.waiting.filter((one) => !ready.includes(one));
    for (const { go } of ready) this.sim.after(0, undefined, go);
  }

  /** Takes a lock for the rest of the transaction; false where somebody else has it. */
  private lock(tx: Transaction, key: string): boolean {
    const holder = this.held.get(key);
    if (holder && holder !== tx) return false;
    this.held.set(key, tx);
    tx.locks.add(key);
    return true;
  }

  /* Statements: see the table below. */

  nextEpoch(): Rows {
    return [{ epoch: ++this.epochs }];
  }

  takeLeases([instance, epoch, ttl, , names]: readonly Param[]): Rows {
    return (names as readonly string[]).flatMap((name) => {
      const known = this.leases.find((lease) => lease.name === name && lease.instance === instance);
      const expires = this.sim.now + Number(ttl);
      if (!known) this.leases.push({ name, instance: String(instance), epoch: Number(epoch), expires });
      else if (known.epoch !== epoch && known.expires >= this.sim.now) return [];
      else Object.assign(known, { epoch, expires });
      return [{ name }];
    });
  }

  renewLeases([ttl, instance, epoch]: readonly Param[]): Rows {
    const own = this.leases.filter((lease) => lease.instance === instance && lease.epoch === epoch);
    for (const lease of own) lease.expires = this.sim.now + Number(ttl);
    return own.map(({ name }) => ({ name }));
  }

  sweepLeases(): Rows {
    this.dropLeases((lease) => lease.expires < this.sim.now);
    return this.leases
      .map(({ name, instance, epoch, expires }) => ({ standsFor: name, instance, epoch, leftMs: expires - this.sim.now }))
      .sort((a, b) => (`${a.standsFor} ${a.instance}` < `${b.standsFor} ${b.instance}` ? -1 : 1));
  }

  releaseLeases([instance, epoch]: readonly Param[]): Rows {
    this.dropLeases((lease) => lease.instance === instance && (epoch === undefined || lease.epoch === epoch));
    return [];
  }

  private dropLeases(which: (lease: LeaseRow) => boolean): void {
    for (let i = this.leases.length - 1; i >= 0; i--) if (which(this.leases[i] as LeaseRow)) this.leases.splice(i, 1);
  }

  lockStream([key, standsFor, instance, epoch]: readonly Param[], tx: Transaction | undefined): ReturnType<Statement> {
    if (!tx) throw new Error("locks are taken in transactions");
    if (this.mutation.without !== "lock" && !this.lock(tx, `stream ${key}`)) return { waitsFor: `stream ${key}` };
    const holds = this.leases.some((lease) => lease.name === standsFor && lease.instance === instance && lease.epoch === epoch);
    if (!holds && this.mutation.without !== "fencing") throw new LeaseLostError("the lease is lost", "ST001");
    return [];
  }

  putNote([key, value]: readonly Param[], tx: Transaction | undefined): Rows {
    tx?.notes.push({ key: String(key), value: Number(value) });
    return [];
  }

  nextIds([key, , n]: readonly Param[], tx: Transaction | undefined): ReturnType<Statement> {
    if (!tx) throw new Error("ids are taken in transactions");
    if (this.mutation.without !== "lock" && !this.lock(tx, `stream ${key}`)) return { waitsFor: `stream ${key}` };
    return Array.from({ length: Number(n) }, () => ({ id: ++this.ids }));
  }

  streamHead([key]: readonly Param[]): ReturnType<Statement> {
    if (this.held.has(`stream ${key}`)) return { waitsFor: `stream ${key}`, shared: true };
    return [{ head: this.ids }];
  }

  readTip([room]: readonly Param[]): Rows {
    const tip = this.tips.get(String(room)) ?? { version: 0, last: 0 };
    return [{ ...tip }];
  }

  /** As `update`: waits for whoever changes the row, and then looks at it again. */
  moveTip([room, last, version]: readonly Param[], tx: Transaction | undefined): ReturnType<Statement> {
    if (!tx) throw new Error("tips are moved in transactions");
    const key = `room ${room}`;
    if (!this.lock(tx, key)) return { waitsFor: key };
    const tip = tx.tips.get(String(room)) ?? this.tips.get(String(room)) ?? { version: 0, last: 0 };
    if (tip.version !== version && this.mutation.without !== "tip versions") return [];
    tx.tips.set(String(room), { version: tip.version + 1, last: Number(last) });
    return [{ moved: 1 }];
  }

  /** With the unique index on transactions: whoever inserts the same one waits for the outcome of the other. */
  insertEvent([id, room, prev, txn]: readonly Param[], tx: Transaction | undefined): ReturnType<Statement> {
    if (!tx) throw new Error("events are inserted in transactions");
    if (this.mutation.without !== "transactions") {
      const key = `transaction ${txn}`;
      if (!this.lock(tx, key)) return { waitsFor: key };
      if ([...this.events, ...tx.inserted].some((event) => event.txn === txn))
        throw new Error("duplicate key value violates unique constraint");
    }
    tx.inserted.push({ id: Number(id), room: String(room), prev: Number(prev), txn: String(txn) });
    return [];
  }

  findEvents([txns]: readonly Param[]): Rows {
    const wanted = new Set(this.mutation.without === "transactions" ? [] : (txns as readonly string[]));
    return this.events.filter(({ txn }) => wanted.has(txn)).map((event) => ({ ...event }));
  }

  eventsBetween([from, to]: readonly Param[]): Rows {
    return this.events.filter(({ id }) => id > Number(from) && id <= Number(to)).map((event) => ({ ...event }));
  }
}

/** Statements by a part of their text. */
const statements: readonly (readonly [string, (this: SimulatedDatabase, ...args: Parameters<Statement>) => ReturnType<Statement>])[] = [
  ["nextval('lease_epochs_seq')", SimulatedDatabase.prototype.nextEpoch],
  ["insert into leases as l", SimulatedDatabase.prototype.takeLeases],
  ["update leases set expires_at", SimulatedDatabase.prototype.renewLeases],
  ["with expired as", SimulatedDatabase.prototype.sweepLeases],
  ["delete from leases where instance", SimulatedDatabase.prototype.releaseLeases],
  ["select lock_stream(", SimulatedDatabase.prototype.lockStream],
  ["put note", SimulatedDatabase.prototype.putNote],
  ["pg_advisory_xact_lock_shared", SimulatedDatabase.prototype.streamHead],
  ["pg_advisory_xact_lock(", SimulatedDatabase.prototype.nextIds],
  ["select tip", SimulatedDatabase.prototype.readTip],
  ["update tip", SimulatedDatabase.prototype.moveTip],
  ["insert event", SimulatedDatabase.prototype.insertEvent],
  ["select events of", SimulatedDatabase.prototype.findEvents],
  ["select events between", SimulatedDatabase.prototype.eventsBetween],
];
