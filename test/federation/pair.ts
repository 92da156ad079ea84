import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { testValues } from "../builders/config";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { answers, freePorts, startProgram } from "../builders/process";
import type { TestProcess } from "../builders/process";
import { makeCertificates } from "./certificates";
import type { Certificates } from "./certificates";
import { startSynapse } from "./synapse";

/** A homeserver that other servers reach. */
export interface HomeServer {
  /** Its server name, which is also where other servers find it. */
  readonly name: string;
  /** Where it answers its clients. */
  readonly url: string;
  /** Of its process that runs now. */
  pid(): number;
  /** Registers a user; the name gets something added. */
  user(name: string): Promise<TestClient>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A server of ours and a Synapse, which know and trust each other. */
export interface Pair {
  readonly ours: HomeServer;
  readonly synapse: HomeServer;
  /** Of our server, and of Synapse where that has one of PostgreSQL. */
  readonly databases: { readonly ours: TestDatabase; readonly synapse?: TestDatabase };
  close(): Promise<void>;
}

export interface PairOptions {
  /** SQLite unless given. */
  readonly synapseOn?: "postgres";
  /** Laid over the configuration of both. */
  readonly shared?: Readonly<Record<string, unknown>>;
  /** Of the process of our server. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Both ways round: where a room is, and where somebody comes from. */
export const directions = [
  ["ours", "synapse"],
  ["synapse", "ours"],
] as const;

const logConfig = {
  version: 1,
  formatters: { plain: { format: "%(asctime)s - %(name)s - %(levelname)s - %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "plain" } },
  root: { level: process.env["SYNAPSE_TS_TEST_LOG"] ?? "WARNING", handlers: ["console"] },
};

/** Starts both. The configuration is theirs in common, but for names, ports and databases. */
export async function startPair({ synapseOn, shared, environment }: PairOptions = {}): Promise<Pair> {
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-federation-"));
  chmodSync(directory, 0o755);
  const certificates = makeCertificates(directory);
  const [ourPort, ourFederation, theirPort, theirFederation] = await freePorts(4);
  const database = await createTestDatabase({ empty: true });
  const theirs = synapseOn && (await createTestDatabase({ empty: true }));
  const write = (name: string, values: object): void => writeFileSync(join(directory, name), JSON.stringify(values, undefined, 2));
  write("log.yaml", logConfig);
  write("ours.yaml", {
    ...common(directory, certificates),
    ...addresses(ourPort, ourFederation),
    // an address in place of a name goes another way through discovery
    server_name: `127.0.0.1:${ourFederation}`,
    database: postgres(database),
    media_store_path: join(directory, "our-media"),
    ...shared,
  });
  write("synapse.yaml", {
    ...common(directory, certificates),
    ...addresses(theirPort, theirFederation),
    server_name: `localhost:${theirFederation}`,
    database: theirs ? postgres(theirs) : { name: "sqlite3", args: { database: join(directory, "synapse.db") } },
    signing_key: `ed25519 synapse ${Buffer.alloc(32, 1).toString("base64")}`,
    media_store_path: join(directory, "synapse-media"),
    pid_file: join(directory, "synapse.pid"),
    ...shared,
  });
  const program = () => startProgram({ args: ["-c", "ours.yaml"], cwd: directory, ...(environment && { environment }) });
  const ours = homeServer(`127.0.0.1:${ourFederation}`, ourPort, async (url) => {
    const started = await program();
    await answers(started, url);
    return started;
  });
  const synapse = homeServer(`localhost:${theirFederation}`, theirPort, (url) => startSynapse(directory, url));
  const pair: Pair = {
    ours,
    synapse,
    databases: { ours: database, ...(theirs && { synapse: theirs }) },
    async close() {
      const stopped = await Promise.allSettled([ours.stop(), synapse.stop()]);
      await Promise.all([database.drop(), theirs?.drop()]);
      rmSync(directory, { recursive: true, force: true });
      for (const result of stopped) if (result.status === "rejected") throw result.reason;
    },
  };
  try {
    await Promise.all([ours.start(), synapse.start()]);
  } catch (error) {
    await pair.close().catch(() => undefined);
    throw error;
  }
  return pair;
}

const postgres = ({ name, options: { host, port, user } }: TestDatabase): object => ({
  name: "psycopg2",
  args: { host, port, user, dbname: name, cp_min: 1, cp_max: 5 },
});

const unlimited = { per_second: 100_000, burst_count: 100_000 };

/** What the servers of a test have in common, for files of theirs in a directory that also has log.yaml. */
export function common(directory: string, { authority, certificate, key }: Certificates): object {
  return {
    ...testValues,
    enable_registration: true,
    enable_registration_without_verification: true,
    report_stats: false,
    log_config: join(directory, "log.yaml"),
    federation_custom_ca_list: [authority],
    tls_certificate_path: certificate,
    tls_private_key_path: key,
    ip_range_blacklist: [],
    federation_ip_range_blacklist: [],
    allow_public_rooms_over_federation: true,
    room_list_publication_rules: [{ action: "allow" }],
    allow_device_name_lookup_over_federation: true,
    // whoever was away is asked again soon
    federation: { destination_min_retry_interval: "1s", destination_max_retry_interval: "1s", max_long_retries: 1, max_short_retries: 1 },
    federation_rr_transactions_per_room_per_second: 1_000,
    rc_admin_redaction: unlimited,
  };
}

function addresses(client: number | undefined, federation: number | undefined): object {
  const listener = { type: "http", bind_addresses: ["127.0.0.1"] };
  return {
    public_baseurl: `http://127.0.0.1:${client}/`,
    listeners: [
      { ...listener, port: client, resources: [{ names: ["client", "federation"] }] },
      { ...listener, port: federation, tls: true, resources: [{ names: ["federation"] }] },
    ],
  };
}

function homeServer(name: string, port: number | undefined, start: (url: string) => Promise<TestProcess>): HomeServer {
  const url = `http://127.0.0.1:${port}`;
  let running: TestProcess | undefined;
  let users = 0;
  return {
    name,
    url,
    pid: () => running?.pid ?? 0,
    user: (localpart) => register(url, `${localpart}${++users}`),
    async start() {
      running = await start(url);
    },
    async stop() {
      if (running?.ended() === undefined) await running?.stop();
      // what went wrong there is not seen from here
      const said = `${running?.stdout() ?? ""}${running?.stderr() ?? ""}`;
      if (process.env["SYNAPSE_TS_TEST_LOG"] || / - (ERROR|CRITICAL) - /.test(said)) process.stderr.write(`${name} said:\n${said}\n`);
    },
  };
}
