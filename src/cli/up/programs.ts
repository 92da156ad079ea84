import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../config/load";
import type { Config } from "../../config/config";
import { proxyModel } from "../../roles/proxy/proxyModel";
import { haproxyConfig } from "../../roles/proxy/haproxy";
import { nginxConfig } from "../../roles/proxy/nginx";
import { plan } from "../../roles/plan";
import type { Layout } from "./layout";
import { accepts, reachable } from "./listening";
import type { Program } from "./supervisor";

/** They often stand where only administrators look. */
const searchPath = (environment: Readonly<Record<string, string | undefined>>): string =>
  [environment["PATH"] ?? "", "/usr/local/sbin", "/usr/sbin", "/sbin"].join(":");

/** The first of the programs that is installed. */
export function findProgram<T extends string>(
  names: readonly T[],
  environment: Readonly<Record<string, string | undefined>>,
): T | undefined {
  return names.find(
    (name) => spawnSync(name, ["-v"], { env: { ...environment, PATH: searchPath(environment) }, stdio: "ignore" }).error === undefined,
  );
}

export interface Place {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Keeps nothing: what processes tell each other is of use for a moment only. */
export function redisProgram({ environment }: Place, socketPath: string): Program {
  const command = [
    "redis-server",
    "--port",
    "0",
    "--unixsocket",
    socketPath,
    "--unixsocketperm",
    "600",
    "--save",
    "",
    "--appendonly",
    "no",
  ];
  return {
    name: "redis",
    command: [...command, "--loglevel", "warning"],
    environment: { ...environment, PATH: searchPath(environment) },
    isReady: () => accepts({ path: socketPath }),
  };
}

/** The reverse proxy in front of the processes, with its configuration written out. */
export function proxyProgram(
  program: "nginx" | "haproxy",
  { directory, environment }: Place,
  deployment: {
    readonly config: Config;
    readonly files: readonly string[];
    readonly workers: readonly string[];
    readonly front: NonNullable<Layout["front"]>;
  },
): Program {
  const { config, files, workers, front } = deployment;
  const plans = workers.map((file) => plan(loadConfig([...files, file], { environment }).config).plan);
  const model = proxyModel(config, [plan(config).plan, ...plans]);
  const file = join(directory, `${program}.cfg`);
  const text = program === "nginx" ? aroundNginx(directory, nginxConfig(model, front)) : haproxyConfig(model, front);
  writeFileSync(file, text, { mode: 0o600 });
  return {
    name: program,
    command: program === "nginx" ? ["nginx", "-p", directory, "-e", "stderr", "-c", file] : ["haproxy", "-db", "-f", file],
    environment: { ...environment, PATH: searchPath(environment) },
    isReady: () => accepts({ host: reachable(front.addresses[0] ?? "127.0.0.1"), port: front.port }),
  };
}

function aroundNginx(directory: string, server: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `    ${name}_temp_path ${directory}/${name};`);
  // as root it would go on as somebody who may not reach the sockets
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  return `daemon off;
${user}error_log stderr;
pid ${directory}/nginx.pid;
worker_processes auto;
events { worker_connections 10000; }
http {
    access_log off;
${temporary.join("\n")}
${server}
}
`;
}
