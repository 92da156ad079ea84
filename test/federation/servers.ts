import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { createTestDatabase } from "../builders/database";
import { answers, freePorts, startProgram } from "../builders/process";
import type { TestProcess } from "../builders/process";
import { makeCertificates } from "./certificates";
import type { Certificates } from "./certificates";
import { common } from "./pair";
import { ourRecords, synapseRecords } from "./records";
import type { Records } from "./records";
import { startRelay } from "./relay";
import type { Relay } from "./relay";
import { startSynapse } from "./synapse";

export type Make = "ours" | "synapse";

/** A homeserver that other servers reach. */
export interface HomeServer {
  readonly make: Make;
  /** Its server name, which is also where other servers find it. */
  readonly name: string;
  /** Where it answers its clients. */
  readonly url: string;
  /** Registers a user; the name gets something added. */
  user(name: string): Promise<TestClient>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** It stays there and does nothing, until thawed. */
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
  readonly name: string;
  readonly start: (url: string) => Promise<TestProcess>;
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
      const installation = make === "ours" ? await installOurs(place) : installSynapse(place);
      closers.push(installation.remove);
      const relay = await startRelay(port, listenPort);
      closers.push(() => relay.close());
      servers.push(homeServer(make, clientPort, installation, relay));
    }
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
  return { servers, close };
}

function writeConfig(place: Place, values: object): string {
  const file = `${place.title}.yaml`;
  const config = {
    ...common(place.directory, place.certificates),
    ...addresses(place.clientPort, place.listenPort),
    signing_key: `ed25519 ${place.title} ${Buffer.alloc(32, place.number + 1).toString("base64")}`,
    media_store_path: join(place.directory, `${place.title}-media`),
    ...values,
  };
  writeFileSync(join(place.directory, file), JSON.stringify(config, undefined, 2));
  return file;
}

async function installOurs(place: Place): Promise<Installation> {
  const database = await createTestDatabase({ empty: true });
  const { host, port, user } = database.options;
  // an address in place of a name goes another way through discovery
  const name = `127.0.0.1:${place.port}`;
  const file = writeConfig(place, {
    server_name: name,
    database: { name: "psycopg2", args: { host, port, user, dbname: database.name, cp_min: 1, cp_max: 5 } },
  });
  return {
    name,
    async start(url) {
      const started = await startProgram({ args: ["-c", file], cwd: place.directory });
      await answers(started, url);
      return started;
    },
    records: (roomId) => ourRecords(database.db, roomId),
    remove: () => database.drop(),
  };
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
    name,
    start: (url) => startSynapse(place.directory, url, file),
    records: (roomId) => synapseRecords(stored, roomId),
    remove: () => Promise.resolve(),
  };
}

function addresses(client: number, federation: number): object {
  const listener = { type: "http", bind_addresses: ["127.0.0.1"] };
  return {
    public_baseurl: `http://127.0.0.1:${client}/`,
    listeners: [
      { ...listener, port: client, resources: [{ names: ["client"] }] },
      { ...listener, port: federation, tls: true, resources: [{ names: ["federation"] }] },
    ],
  };
}

function homeServer(make: Make, port: number, { name, start, records }: Installation, relay: Relay): HomeServer {
  const url = `http://127.0.0.1:${port}`;
  let running: TestProcess | undefined;
  let users = 0;
  /** What went wrong there is not seen from here. */
  const tell = (): void => {
    const said = `${running?.stdout() ?? ""}${running?.stderr() ?? ""}`;
    if (process.env["SYNAPSE_TS_TEST_LOG"] || / - (ERROR|CRITICAL) - /.test(said)) process.stderr.write(`${name} said:\n${said}\n`);
  };
  return {
    make,
    name,
    url,
    user: (localpart) => register(url, `${localpart}${++users}`),
    async start() {
      running = await start(url);
    },
    async stop() {
      if (running?.ended() === undefined) await running?.stop();
      tell();
    },
    async kill() {
      await running?.kill();
      tell();
    },
    freeze: () => running?.freeze(),
    thaw: () => running?.thaw(),
    cut: () => relay.cut(),
    mend: () => relay.mend(),
    records,
  };
}
