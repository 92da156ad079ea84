import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { createTestDatabase } from "../builders/database";
import { answers, freePorts, startProgram } from "../builders/process";
import type { TestProcess } from "../builders/process";
import { startTestRedis } from "../builders/redis";
import type { TestRedis } from "../builders/redis";
import { makeCertificates } from "./certificates";
import type { Certificates } from "./certificates";
import { common } from "./pair";
import { createProcesses } from "./processes";
import type { Processes } from "./processes";
import { ourRecords, synapseRecords } from "./records";
import type { Records } from "./records";
import { startRelay } from "./relay";
import type { Relay } from "./relay";
import { startSynapse } from "./synapse";

/** "workers" is ours too: main, a writer of events, and a worker that talks to other servers. */
export type Make = "ours" | "workers" | "synapse";

/** A homeserver that other servers reach. */
export interface HomeServer {
  readonly make: "ours" | "synapse";
  /** Its server name, which is also where other servers find it. */
  readonly name: string;
  /** Where it answers its clients. */
  readonly url: string;
  /** Registers a user; the name gets something added. */
  user(name: string): Promise<TestClient>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it, or one of its processes, as a crash would. */
  kill(): Promise<void>;
  /** It, or one of its processes, stays there and does nothing, until thawed. */
  freeze(): void;
  thaw(): void;
  /** Other servers don't reach it until it is mended; it reaches them. */
  cut(): void;
  mend(): void;
  /** What its database holds of a room. */
  records(roomId: string): Promise<Records>;
}

/** Servers that know and trust each other. */
export interface Servers {
  readonly servers: readonly HomeServer[];
  close(): Promise<void>;
}

const logConfig = {
  version: 1,
  formatters: { plain: { format: "%(asctime)s - %(name)s - %(levelname)s - %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "plain" } },
  root: { level: process.env["SYNAPSE_TS_TEST_LOG"] ?? "WARNING", handlers: ["console"] },
};

interface Place {
  readonly directory: string;
  readonly certificates: Certificates;
  /** Of its files. */
  readonly title: string;
  readonly number: number;
  readonly clientPort: number;
  /** Where other servers ask for it, and where it listens to them. */
  readonly port: number;
  readonly listenPort: number;
}

/** What is different from one make to the other. */
interface Installation {
  readonly make: HomeServer["make"];
  readonly name: string;
  readonly processes: Processes;
  readonly records: (roomId: string) => Promise<Records>;
  /** Removes what is not in the directory. */
  readonly remove: () => Promise<void>;
}

/** Starts servers of these makes. The configuration is theirs in common, but for names, ports and databases. */
export async function startServers(makes: readonly Make[]): Promise<Servers> {
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-federation-"));
  chmodSync(directory, 0o755);
  const certificates = makeCertificates(directory);
  writeFileSync(join(directory, "log.yaml"), JSON.stringify(logConfig));
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    const stopped = await Promise.allSettled(servers.map((server) => server.stop()));
    for (const closer of closers) await closer();
    rmSync(directory, { recursive: true, force: true });
    for (const result of stopped) if (result.status === "rejected") throw result.reason;
  };
  const servers: HomeServer[] = [];
  try {
    for (const [i, make] of makes.entries()) {
      const [clientPort = 0, port = 0, listenPort = 0] = await freePorts(3);
      const place = { directory, certificates, title: `${make}${i}`, number: i, clientPort, port, listenPort };
      const installation = make === "synapse" ? installSynapse(place) : await installOurs(place, make === "workers");
      closers.push(installation.remove);
      const relay = await startRelay(port, listenPort);
      closers.push(() => relay.close());
      servers.push(homeServer(clientPort, installation, relay));
    }
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  return { servers, close };
}

const urlOf = ({ clientPort }: Place): string => `http://127.0.0.1:${clientPort}`;

const write = ({ directory }: Place, file: string, values: object): void =>
  writeFileSync(join(directory, file), JSON.stringify(values, undefined, 2));

function writeConfig(place: Place, values: object): string {
  const file = `${place.title}.yaml`;
  write(place, file, {
    ...common(place.directory, place.certificates),
    public_baseurl: `${urlOf(place)}/`,
    listeners: [clientListener(place), federationListener(place)],
    signing_key: `ed25519 ${place.title} ${Buffer.alloc(32, place.number + 1).toString("base64")}`,
    media_store_path: join(place.directory, `${place.title}-media`),
    ...values,
  });
  return file;
}

async function installOurs(place: Place, hasWorkers: boolean): Promise<Installation> {
  const [database, redis] = await Promise.all([createTestDatabase({ empty: true }), hasWorkers ? startTestRedis() : undefined]);
  const { host, port, user } = database.options;
  // an address in place of a name goes another way through discovery
  const name = `127.0.0.1:${place.port}`;
  const workers = redis && (await planWorkers(place, redis));
  const file = writeConfig(place, {
    server_name: name,
    database: { name: "psycopg2", args: { host, port, user, dbname: database.name, cp_min: 1, cp_max: 5 } },
    ...workers?.shared,
  });
  const start = async (files: readonly string[], url: string): Promise<TestProcess> => {
    const started = await startProgram({ args: files.flatMap((one) => ["-c", one]), cwd: place.directory });
    await answers(started, url);
    return started;
  };
  const own = workers?.own.map((worker) => () => start([file, worker.file], worker.url)) ?? [];
  return {
    make: "ours",
    name,
    processes: createProcesses(name, [() => start([file], urlOf(place)), ...own]),
    records: (roomId) => ourRecords(database.db, roomId),
    async remove() {
      await redis?.stop();
      await database.drop();
    },
  };
}

interface Workers {
  /** Of the file that all processes read. */
  readonly shared: object;
  readonly own: readonly { readonly file: string; readonly url: string }[];
}

/** A worker that writes events, and one to which other servers talk, and which talks to them. */
async function planWorkers(place: Place, redis: TestRedis): Promise<Workers> {
  const ports = await freePorts(5);
  const [main = 0, persister = 0, federation = 0, ...health] = ports;
  const replication = (port: number): object => httpListener(port, ["replication"]);
  const own = [
    { name: "persister", listeners: [replication(persister)] },
    { name: "federation", listeners: [replication(federation), federationListener(place)] },
  ].map(({ name, listeners }, i) => {
    const [file, port = 0] = [`${place.title}-${name}.yaml`, health[i]];
    write(place, file, {
      worker_app: "synapse.app.generic_worker",
      worker_name: name,
      worker_listeners: [...listeners, httpListener(port, ["client"])],
    });
    return { file, url: `http://127.0.0.1:${port}` };
  });
  const shared = {
    redis: redis.config,
    listeners: [clientListener(place), replication(main)],
    instance_map: Object.fromEntries(
      Object.entries({ main, persister, federation }).map(([name, port]) => [name, { host: "127.0.0.1", port }]),
    ),
    stream_writers: { events: ["persister"] },
    federation_sender_instances: ["federation"],
  };
  return { shared, own };
}

function installSynapse(place: Place): Installation {
  const name = `localhost:${place.port}`;
  const stored = join(place.directory, `${place.title}.db`);
  const file = writeConfig(place, {
    server_name: name,
    database: { name: "sqlite3", args: { database: stored } },
    pid_file: join(place.directory, `${place.title}.pid`),
  });
  return {
    make: "synapse",
    name,
    processes: createProcesses(name, [() => startSynapse(place.directory, urlOf(place), file)]),
    records: (roomId) => synapseRecords(stored, roomId),
    remove: () => Promise.resolve(),
  };
}

const httpListener = (port: number, names: readonly string[]): object => ({
  type: "http",
  port,
  bind_addresses: ["127.0.0.1"],
  resources: [{ names }],
});
const clientListener = ({ clientPort }: Place): object => httpListener(clientPort, ["client"]);
const federationListener = ({ listenPort }: Place): object => ({ ...httpListener(listenPort, ["federation"]), tls: true });

function homeServer(port: number, { make, name, processes, records }: Installation, relay: Relay): HomeServer {
  const url = `http://127.0.0.1:${port}`;
  let users = 0;
  return {
    ...processes,
    make,
    name,
    url,
    user: (localpart) => register(url, `${localpart}${++users}`),
    cut: () => relay.cut(),
    mend: () => relay.mend(),
    records,
  };
}
