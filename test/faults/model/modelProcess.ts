import { createRpc } from "../../../src/replication/createRpc";
import { ANYBODY, Leases } from "../../../src/replication/leases";
import { Notifier } from "../../../src/replication/notifier";
import { PacedBus } from "../../../src/replication/pacedBus";
import { defineRpc } from "../../../src/replication/rpc";
import type { Rpc } from "../../../src/replication/rpc";
import { createStreamWriter } from "../../../src/replication/streamWriter";
import type { StreamWriter } from "../../../src/replication/streamWriter";
import { Streams } from "../../../src/replication/streams";
import type { Db } from "../../../src/storage/db";
import { lockStream, nextIds, streamHead } from "../../../src/storage/streamIds";
import type { StreamRow } from "../../../src/storage/streamIds";
import { defineStream } from "../../../src/streams/defineStream";
import { tuple } from "../../../src/streams/tuple";
import { quietLog } from "../../builders/replication";
import type { EventRow, Mutation, Note, SimulatedDatabase, Tip } from "./database";
import type { Network } from "./network";
import type { Actor, Simulation } from "./simulation";

export const writers = ["writer1", "writer2", "writer3"];
const candidates = { main: ["main"], events: writers, process: [ANYBODY] };

const fail = (error: unknown): never => {
  throw error;
};

interface Row {
  readonly room: string;
  readonly txn: string;
}

/** An event that somebody wants to have; the id is filled in. */
export interface Intent extends Row {
  id?: number;
}

interface ModelApp {
  readonly writer: StreamWriter<Intent>;
  readonly notes: StreamWriter<Note>;
}

export const sendRpc = defineRpc<ModelApp, Row, number>({
  name: "send_events",
  owner: ({ room }) => ({ stream: "events", key: room }),
  batch: 8,
  handle: async ({ writer }, rows) => {
    const intents: Intent[] = rows.map((row) => ({ ...row }));
    const outcomes = await Promise.allSettled(intents.map((intent) => writer.submit(intent)));
    return outcomes.map((outcome, i) => (outcome.status === "fulfilled" ? (intents[i]?.id ?? 0) : new Error(String(outcome.reason))));
  },
});

/** As account data: the last one counts, and nothing tells a repetition from news. */
export const noteRpc = defineRpc<ModelApp, Note, number>({
  name: "change_account_data",
  owner: ({ key }) => ({ stream: "events", key }),
  batch: 8,
  repeatable: true,
  handle: ({ notes }, rows) => Promise.all(rows.map((row) => notes.submit(row))),
});

export interface ModelWorld {
  readonly sim: Simulation;
  readonly network: Network;
  readonly database: SimulatedDatabase;
  readonly mutation: Mutation;
}

/** One life of a process: the streams, leases and calls of the server over simulated surroundings. */
export interface ModelProcess {
  readonly actor: Actor;
  readonly leases: Leases;
  readonly streams: Streams;
  readonly rpc: Rpc;
  /** Where the stream stood when it began to follow; undefined until then. */
  readonly startedAt: () => number | undefined;
  /** Ids of the rows that its consumers were given. */
  readonly seen: readonly number[];
  position(): number;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createModelProcess(world: ModelWorld, name: string, onReplaced: () => void): ModelProcess {
  const { sim, network, database, mutation } = world;
  const actor: Actor = { name, frozen: false, dead: false };
  const [clock, random, db, bus] = [sim.clock(), sim.letters(), database.connect(actor), network.bus(actor)];
  const paced = new PacedBus({ bus, channel: "digests", clock, prompt: new Set(), onError: fail });
  const seen: number[] = [];
  let startedAt: number | undefined;
  const stream = defineStream<Row>({
    name: "events",
    writer: "events",
    sharding: "room",
    sequence: "events_stream_seq",
    row: tuple({ room: "string", txn: "string" }),
    head: async (reader) => {
      const head = await streamHead(reader, stream);
      startedAt ??= head;
      return head;
    },
    catchUp: async (reader, from, to) => {
      if (mutation.without === "catch-up") return [];
      const rows = await reader<EventRow>`select events between ${from} and ${to}`;
      return rows.map(({ id, room, txn }) => ({ id, row: { room, txn } }));
    },
  });
  const leases = new Leases({
    db,
    bus,
    channel: "leases",
    instance: name,
    standsFor: ["process", ...(writers.includes(name) ? ["events"] : name === "main" ? ["main"] : [])],
    candidates,
    clock,
    log: quietLog,
    onReplaced,
  });
  const streams = new Streams({
    defs: [stream],
    db,
    bus: paced,
    lateness: () => paced.lateness(),
    notifier: new Notifier({ clock }),
    caches: undefined,
    log: quietLog,
    clock,
    random,
    instance: name,
    channelPrefix: "model/",
    fetchMemory: () => Promise.reject(new Error("no stream here lives in memory")),
  });
  streams.subscribe(stream, (rows) => void seen.push(...rows.map(({ id }) => id)));
  const tips = new Map<string, Tip>();
  const writer = createStreamWriter<Intent, Row>({
    stream,
    db,
    streams,
    log: quietLog,
    insert: (tx, intents) => insertEvents(tx, intents, { tips, take: (n) => nextIds(tx, stream, n) }),
  });
  const notes = createStreamWriter<Note, Row>({
    stream,
    db,
    streams,
    log: quietLog,
    fence: () => leases.fence("events"),
    insert: async (tx, items, lock) => {
      await lockStream(tx, lock);
      await Promise.all(items.map(({ key, value }) => tx`put note ${key} ${value}`));
      return [];
    },
  });
  const app: ModelApp = { writer, notes };
  const rpc = createRpc({
    defs: [sendRpc, noteRpc] as never,
    app: () => app,
    ownership: leases,
    streams,
    writerOf: (_stream, key) => ({ standsFor: "events", ...(key !== undefined && { key }) }),
    transport: network.transport(actor),
    log: quietLog,
    clock,
    random,
  });
  /** As if requests came and stayed away. */
  const changePace = (): void => {
    if (sim.random.fraction() < 0.5) paced.slacken();
    else void paced.quicken();
    sim.after(sim.random.below(4_000), actor, changePace);
  };
  return {
    actor,
    leases,
    streams,
    rpc,
    startedAt: () => startedAt,
    seen,
    position: () => streams.position(stream),
    async start() {
      await leases.start();
      await streams.start();
      network.listen(actor, rpc);
      changePace();
    },
    async stop() {
      network.unlisten(actor);
      await Promise.all([writer.drain(), notes.drain()]);
      streams.stop();
      await paced.close();
      await rpc.close();
      await leases.stop();
    },
  };
}

interface WriterMemory {
  readonly tips: Map<string, Tip>;
  take(n: number): Promise<number[]>;
}

/** As writers/flush: events are built on tips in memory, and the transaction holds only where the tips are still those of the database. */
async function insertEvents(tx: Db, intents: readonly Intent[], { tips, take }: WriterMemory): Promise<StreamRow<Row>[]> {
  const known = await tx<EventRow>`select events of ${intents.map(({ txn }) => txn)}`;
  const fresh: Intent[] = [];
  for (const intent of intents) {
    const before = known.find(({ txn }) => txn === intent.txn);
    if (before) intent.id = before.id;
    else fresh.push(intent);
  }
  const built = new Map<string, Tip>();
  for (const { room } of fresh) {
    if (!built.has(room)) built.set(room, tips.get(room) ?? ((await tx<Tip>`select tip of ${room}`)[0] as Tip));
  }
  const ids = await take(fresh.length);
  const last = new Map([...built].map(([room, tip]) => [room, tip.last]));
  const rows = fresh.map((intent, i) => {
    const id = ids[i] ?? 0;
    const prev = last.get(intent.room) ?? 0;
    last.set(intent.room, id);
    return { intent, id, prev };
  });
  try {
    const moves = [...built].map(([room, { version }]) => tx`update tip of ${room} to ${last.get(room) ?? 0} where version is ${version}`);
    const inserts = rows.map(({ intent, id, prev }) => tx`insert event ${id}, ${intent.room}, ${prev}, ${intent.txn}`);
    const moved = await Promise.all(moves);
    await Promise.all(inserts);
    if (moved.some(({ length }) => length === 0)) throw new Error("a room has another tip");
  } catch (error) {
    for (const room of built.keys()) tips.delete(room);
    throw error;
  }
  for (const [room, { version }] of built) tips.set(room, { version: version + 1, last: last.get(room) ?? 0 });
  for (const { intent, id } of rows) intent.id = id;
  return rows.map(({ intent: { room, txn }, id }) => ({ id, row: { room, txn } }));
}
