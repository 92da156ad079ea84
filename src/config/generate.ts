import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatSigningKeys } from "../rooms/keyFile";
import type { Random } from "../lib/random";
import { logConfigText } from "./logConfigText";
import { randomSecret } from "./secrets";
import { generateSigningKey } from "./signingKeys";

export interface GenerateOptions {
  readonly serverName: string;
  readonly reportStats: boolean;
  /** Where the configuration, the log configuration and the signing key go. */
  readonly configDirectory: string;
  /** Where the database, media and log files go. */
  readonly dataDirectory: string;
  /** This machine alone, for a reverse proxy on it; all addresses, open to everybody; or a container behind a reverse proxy. */
  readonly listenOn: "this machine" | "all addresses" | "container";
  readonly port?: number;
  /** Name of the configuration file; `homeserver.yaml` in the configuration directory by default. */
  readonly configFile?: string;
  readonly random: Random;
}

export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
  /** Whether it holds secrets, and only its owner may read it. */
  readonly isSecret: boolean;
}

export interface GeneratedConfig {
  readonly config: GeneratedFile;
  readonly others: readonly GeneratedFile[];
}

/** homeserver.yaml and what belongs to it: `<server_name>.log.config` and `<server_name>.signing.key`. Writes nothing. */
export function generateConfig(options: GenerateOptions): GeneratedConfig {
  const { serverName, configDirectory, dataDirectory, random } = options;
  const at = (extension: string): string => join(configDirectory, `${serverName}.${extension}`);
  const logTo = options.listenOn === "container" ? "console" : "file";
  const configPath = options.configFile ?? join(configDirectory, "homeserver.yaml");
  return {
    config: { path: configPath, text: configText(options), isSecret: true },
    others: [
      { path: at("log.config"), text: logConfigText(join(dataDirectory, "homeserver.log"), logTo), isSecret: false },
      { path: at("signing.key"), text: formatSigningKeys([generateSigningKey(serverName, random)]), isSecret: true },
    ],
  };
}

/** Writes a file unless it is there. Returns whether it was written. */
export function writeIfMissing(file: GeneratedFile): boolean {
  if (existsSync(file.path)) return false;
  mkdirSync(dirname(file.path), { recursive: true });
  writeFileSync(file.path, file.text, { mode: file.isSecret ? 0o600 : 0o644, flag: "wx" });
  return true;
}

/** The values which a generated file sets, as YAML, by top-level key and in the order of the short file. */
export function generatedValues(options: GenerateOptions): ReadonlyMap<string, string> {
  const { serverName, configDirectory, dataDirectory, random } = options;
  const quoted = (...path: [string, ...string[]]): string => JSON.stringify(join(...path));
  return new Map([
    ["server_name", `server_name: ${JSON.stringify(serverName)}\n`],
    ["pid_file", `pid_file: ${quoted(dataDirectory, "homeserver.pid")}\n`],
    ["listeners", listenersText(options)],
    ["database", `database:\n  name: sqlite3\n  args:\n    database: ${quoted(dataDirectory, "homeserver.db")}\n`],
    ["log_config", `log_config: ${quoted(configDirectory, `${serverName}.log.config`)}\n`],
    ["media_store_path", `media_store_path: ${quoted(dataDirectory, "media_store")}\n`],
    ["registration_shared_secret", `registration_shared_secret: ${JSON.stringify(randomSecret(random))}\n`],
    ["report_stats", `report_stats: ${options.reportStats}\n`],
    ["macaroon_secret_key", `macaroon_secret_key: ${JSON.stringify(randomSecret(random))}\n`],
    ["form_secret", `form_secret: ${JSON.stringify(randomSecret(random))}\n`],
    ["signing_key_path", `signing_key_path: ${quoted(configDirectory, `${serverName}.signing.key`)}\n`],
    ["trusted_key_servers", 'trusted_key_servers:\n  - server_name: "matrix.org"\n'],
  ]);
}

function listenersText({ listenOn, port = 8008 }: GenerateOptions): string {
  return `listeners:
  - port: ${port}
    type: http
    tls: false
    x_forwarded: ${listenOn !== "all addresses"}
    bind_addresses: ${listenOn === "this machine" ? "['::1', '127.0.0.1']" : "['::', '0.0.0.0']"}
    resources:
      - names: [client, federation]
        compress: false
`;
}

const comments: Readonly<Record<string, string>> = {
  server_name: "The part of user ids after the colon. It can never be changed.",
  listeners: "Where clients and other servers connect, usually through a reverse proxy that speaks TLS.",
  database:
    "sqlite3 stands for the embedded PostgreSQL, which keeps its data beside this file name.\n# For a server of its own set name: psycopg2, and args: user, password, dbname, host, cp_min, cp_max.",
  registration_shared_secret: "Whoever knows this can make accounts, administrators too: see synapse-ts register-user.",
  trusted_key_servers: "Servers that are asked for the keys of others.",
};

function configText(options: GenerateOptions): string {
  const header = `# Configuration of synapse-ts: the same keys as Synapse's homeserver.yaml.
# All of them, with their defaults, are in the output of: synapse-ts generate-config --full -H ${options.serverName}

`;
  const blocks = [...generatedValues(options)].map(([key, text]) => (comments[key] === undefined ? text : `\n# ${comments[key]}\n${text}`));
  return header + blocks.join("").replace(/^\n/, "");
}
