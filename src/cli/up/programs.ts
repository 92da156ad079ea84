import { spawnSync } from "node:child_process";
import type { Program } from "./supervisor";
import { accepts } from "./listening";

type Environment = Readonly<Record<string, string | undefined>>;

/** It often stands where only administrators look. */
const searchPath = (environment: Environment): string =>
  [environment["PATH"] ?? "", "/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"].join(":");

export const hasRedis = (environment: Environment): boolean =>
  spawnSync("redis-server", ["-v"], { env: { ...environment, PATH: searchPath(environment) }, stdio: "ignore" }).error === undefined;

/** Keeps nothing: what processes tell each other is of use for a moment only. */
export function redisProgram(environment: Environment, socketPath: string): Program {
  const socket = ["--port", "0", "--unixsocket", socketPath, "--unixsocketperm", "600"];
  return {
    name: "redis",
    command: ["redis-server", ...socket, "--save", "", "--appendonly", "no", "--loglevel", "warning"],
    environment: { ...environment, PATH: searchPath(environment) },
    isReady: () => accepts({ path: socketPath }),
  };
}

/** A process of the server, with its configuration files. */
export const serverProgram = (name: string, files: readonly string[], isReady?: () => Promise<boolean>): Program => ({
  name,
  command: [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...files.flatMap((file) => ["-c", file])],
  reloads: true,
  ...(isReady && { isReady }),
});
