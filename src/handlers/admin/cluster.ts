import { hostname } from "node:os";
import type { Config } from "../../config/config";
import { VERSION } from "../../lib/version";
import type { Metrics } from "../../observe/metrics";
import type { Positions, Streams } from "../../replication/streams";
import type { RollCall } from "../../replication/rollCall";
import type { Db } from "../../storage/db";
import { readLeases } from "../../storage/leases";
import type { Lease } from "../../storage/leases";
import { streamHead } from "../../storage/streamIds";
import { allStreams } from "../../streams/registry";
import type { MediaListener, MediaReport } from "../media/mediaProcesses";

/** What a process says of itself. Numbers that it has no use for are missing. */
export interface ProcessReport extends MediaReport {
  readonly role: string;
  readonly version: string;
  readonly pid: number;
  readonly uptime_ms: number;
  /** Whether messages of other processes reach it. */
  readonly bus_connected: boolean;
  readonly positions: Positions;
  /** What waits, by the names below. */
  readonly queues: Readonly<Record<string, number>>;
  readonly connections: Readonly<Record<string, number>>;
}

/** Metrics by what the report calls them. */
const queues = {
  stream_rows: "synapse_replication_tcp_command_queue",
  requests: "synapse_http_server_in_flight_requests_count",
  calls_to_processes: "synapse_pending_outgoing_replication_requests",
  federation_destinations: "synapse_federation_transaction_queue_pending_destinations",
  federation_pdus: "synapse_federation_transaction_queue_pending_pdus",
  federation_edus: "synapse_federation_transaction_queue_pending_edus",
} as const;
const connections = {
  database: "synapse_ts_database_connections",
  waiting_for_database: "synapse_ts_database_waiting",
  waiting_for_news: "synapse_notifier_listeners",
} as const;

export interface DescribedApp {
  readonly config: Pick<Config, "derived">;
  readonly metrics: Metrics;
  readonly streams: Pick<Streams, "positions">;
  readonly busConnected: () => boolean;
  readonly mediaListeners: readonly MediaListener[];
}

export async function describeProcess({ config, metrics, streams, busConnected, mediaListeners }: DescribedApp): Promise<ProcessReport> {
  const { instanceName, role } = config.derived;
  const numbers = async (names: Readonly<Record<string, string>>): Promise<Record<string, number>> => {
    const read = await Promise.all(Object.entries(names).map(async ([key, name]) => [key, await metrics.read(name)] as const));
    return Object.fromEntries(read.filter((entry): entry is readonly [string, number] => entry[1] !== undefined));
  };
  return {
    name: instanceName,
    role,
    version: VERSION,
    pid: process.pid,
    uptime_ms: Math.round(process.uptime() * 1_000),
    bus_connected: busConnected(),
    positions: streams.positions(),
    hostname: hostname(),
    media_listeners: mediaListeners,
    queues: await numbers(queues),
    connections: await numbers(connections),
  };
}

export interface ClusterApp {
  readonly config: Pick<Config, "server_name" | "instance_map">;
  readonly db: Db;
  readonly rollCall: Pick<RollCall, "ask">;
  /** This process, where it is one of the server's. */
  readonly describe?: () => Promise<ProcessReport>;
}

/** How long a process may take to answer. */
const ANSWER_MS = 2_000;

/** `GET /_synapse/admin/v1/cluster`: who is there and stands for what, and how far each is behind in which stream. */
export async function readCluster({ config, db, rollCall, describe }: ClusterApp) {
  const own = await describe?.();
  const leases = await readLeases(db);
  const others = new Set(leases.map(({ instance }) => instance).filter((name) => name !== own?.name));
  const answers = (await rollCall.ask(others.size, ANSWER_MS)) as ProcessReport[];
  // The heads come last, so that nobody is ahead of them.
  const heads = await readHeads(db);
  const reports = new Map([...(own ? [own] : []), ...answers].map((report) => [report.name, report]));
  const configured = Object.keys(config.instance_map).map((name) => (name === "master" ? "main" : name));
  const names = new Set([...reports.keys(), ...others, ...configured]);
  return {
    server_name: config.server_name,
    processes: [...names].sort(mainFirst).map((name) => entryOf(name, { report: reports.get(name), leases, heads })),
    streams: allStreams.map(({ name, writer }) => ({
      name,
      writers: leases.filter(({ standsFor }) => standsFor === writer).map(({ instance }) => instance),
      ...(heads.has(name) && { position: heads.get(name) }),
    })),
  };
}

export type Cluster = Awaited<ReturnType<typeof readCluster>>;

const mainFirst = (a: string, b: string): number => Number(b === "main") - Number(a === "main") || (a < b ? -1 : 1);

/** Streams in memory have their head in the memory of their writer. */
async function readHeads(db: Db): Promise<Map<string, number>> {
  const stored = allStreams.filter(({ sequence }) => sequence !== undefined);
  const heads = await Promise.all(stored.map((stream) => (stream.head ? stream.head(db) : streamHead(db, stream))));
  return new Map(stored.map(({ name }, i) => [name, heads[i] ?? 0]));
}

interface Known {
  readonly report: ProcessReport | undefined;
  readonly leases: readonly Lease[];
  readonly heads: ReadonlyMap<string, number>;
}

function entryOf(name: string, { report, leases, heads }: Known) {
  const own = leases.filter(({ instance }) => instance === name);
  const lag = Object.entries(report?.positions ?? {}).flatMap(([stream, position]) => {
    const head = heads.get(stream);
    return head === undefined ? [] : [[stream, Math.max(0, head - position)] as const];
  });
  return {
    name,
    /** A process that holds leases and does not answer is frozen, without Redis, or has just died. */
    status: report ? ("running" as const) : own.length > 0 ? ("silent" as const) : ("away" as const),
    stands_for: own.map(({ standsFor }) => standsFor).filter((duty) => duty !== "process"),
    ...(own[0] && { lease: { epoch: own[0].epoch, expires_in_ms: Math.round(Math.min(...own.map(({ leftMs }) => leftMs))) } }),
    ...(report && { ...report, lag: Object.fromEntries(lag) }),
  };
}
