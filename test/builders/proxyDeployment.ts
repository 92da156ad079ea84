import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface DeploymentPorts {
  readonly main: number;
  readonly workerA: number;
  readonly workerB: number;
  readonly media: number;
}

export interface DeploymentFiles {
  readonly main: string;
  readonly workers: readonly string[];
}

const listener = (port: number, ...names: readonly string[]): string =>
  `  - {type: http, port: ${port}, bind_addresses: ['127.0.0.1'], x_forwarded: true, resources: [{names: [${names.join(", ")}]}]}\n`;

/** Configuration of a main process, two generic workers and a media repository, as an operator writes it; nothing of it is started. */
export function deploymentFiles({ main, workerA, workerB, media }: DeploymentPorts): DeploymentFiles {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-proxy-"));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const worker = (name: string, app: string, port: number, more: string, ...resources: readonly string[]): string =>
    write(
      `${name}.yaml`,
      `worker_app: synapse.app.${app}\nworker_name: ${name}\nworker_listeners:\n${listener(port, ...resources)}${more}`,
    );
  return {
    main: write(
      "homeserver.yaml",
      `server_name: a.example
signing_key: ed25519 1 ${Buffer.alloc(32).toString("base64")}
database: {name: psycopg2, args: {user: synapse, dbname: synapse, host: 127.0.0.1}}
redis: {enabled: true}
worker_replication_secret: secret
enable_media_repo: false
instance_map: {main: {host: 127.0.0.1, port: 9093}}
listeners:
${listener(main, "client", "federation")}${listener(9093, "replication")}`,
    ),
    workers: [
      worker("worker_a", "generic_worker", workerA, "", "client", "federation"),
      worker("worker_b", "generic_worker", workerB, "", "client", "federation"),
      worker("media1", "media_repository", media, "enable_media_repo: true\n", "media"),
    ],
  };
}
