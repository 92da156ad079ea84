import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RedisConfig } from "../../src/config/types.generated";
import { eventually } from "./eventually";

export interface TestRedis {
  /** As in the `redis` section of homeserver.yaml. */
  readonly config: RedisConfig;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again at the same address. */
  restart(): Promise<void>;
  /** Leaves connections open and answers nothing, until thawed. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket
      .once("data", () => resolve(true))
      .once("error", () => resolve(false))
      .once("data", () => socket.destroy());
  });
}

/** Starts a private redis-server, with further arguments, such as the file of a sentinel. */
export async function startTestRedis(further: (directory: string) => readonly string[] = () => []): Promise<TestRedis> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-redis-"));
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const own = further(directory);
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory];
    const plain = own.includes("--sentinel") ? [] : ["--save", "", "--appendonly", "no"];
    const started = spawn("redis-server", [...own, ...args, ...plain], { stdio: "ignore" });
    let failure: Error | undefined;
    started.once("error", (error) => (failure = new Error(`redis-server must be installed to run these tests: ${error.message}`)));
    child = started;
    await eventually(async () => {
      if (failure) throw failure;
      return answersPing(port);
    });
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  await start();
  return {
    config: { enabled: true, host: "127.0.0.1", port, use_tls: false },
    kill,
    restart: start,
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    async stop() {
      child?.kill("SIGCONT");
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
