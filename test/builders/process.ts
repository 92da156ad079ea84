import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { eventually } from "./eventually";
import { builtProgram } from "./program";

/** A process of the server, as an operator starts it. */
export interface TestProcess {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Its exit code, or the signal that ended it; undefined while it runs. */
  ended(): number | NodeJS.Signals | undefined;
  /** Waits until it has ended by itself. */
  end(): Promise<number | NodeJS.Signals>;
  /** Asks it to stop and fails if it does not stop cleanly. */
  stop(): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export interface ProgramOptions {
  readonly args?: readonly string[];
  readonly cwd: string;
  /** Runs it as this user; only root can. */
  readonly uid?: number | undefined;
  readonly environment?: Readonly<Record<string, string>>;
}

const STOP_MS = 30_000;
/** No process takes so long to start, however busy the machine is. */
const START_MS = 180_000;
const running = new Set<ChildProcess>();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Starts `synapse-ts`. Of the environment nothing reaches it that configures a server. */
export async function startProgram({ args = [], cwd, uid, environment }: ProgramOptions): Promise<TestProcess> {
  const bin = await builtProgram();
  // setpriv also takes the other groups of root away, which spawn's uid option leaves
  const user = uid === undefined ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--"];
  return startCommand([...user, process.execPath, "--enable-source-maps", bin, ...args], cwd, environment);
}

/** Starts any program, which ends with the tests at the latest. */
export function startCommand(command: readonly string[], cwd: string, environment: ProgramOptions["environment"] = {}): TestProcess {
  const [file = "", ...args] = command;
  const child = spawn(file, args, { cwd, env: { PATH: process.env["PATH"], ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return watch(child);
}

function watch(child: ChildProcess): TestProcess {
  const output = { out: "", err: "" };
  child.stdout?.on("data", (data: Buffer) => (output.out += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (output.err += data.toString()));
  // "close" comes when all output has been read, and at the end of a process that was killed its children may hold the pipes
  const closed = Promise.race([
    once(child, "close"),
    once(child, "exit").then(() => new Promise((resolve) => setTimeout(resolve, 1_000).unref())),
  ]);
  const ended = (): number | NodeJS.Signals | undefined => child.exitCode ?? child.signalCode ?? undefined;
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    if (ended() !== undefined) return;
    const exited = once(child, "exit");
    child.kill(name);
    await exited;
  };
  return {
    pid: child.pid ?? 0,
    stdout: () => output.out,
    stderr: () => output.err,
    ended,
    async end() {
      await closed;
      return ended() ?? 0;
    },
    async stop() {
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await signal("SIGTERM");
      clearTimeout(late);
      if (ended() !== 0) throw new Error(`the process did not stop cleanly (${ended()}):\n${output.out}${output.err}`);
    },
    kill: () => signal("SIGKILL"),
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
  };
}

/** Waits until a process answers requests at a URL. Fails with its output when it ends instead; one that never answers is killed. */
export async function answers(process: TestProcess, url: string): Promise<void> {
  try {
    await whileRunning(process, () =>
      fetch(`${url}/health`).then(
        (response) => response.ok,
        () => false,
      ),
    );
  } catch (error) {
    await process.kill();
    throw error;
  }
}

/** Waits until a process has written something to its standard output. Fails with all its output when it ends instead. */
export function says(process: TestProcess, pattern: RegExp): Promise<void> {
  return whileRunning(process, () => pattern.test(process.stdout()));
}

function whileRunning(process: TestProcess, condition: () => boolean | Promise<boolean>): Promise<void> {
  return eventually(async () => {
    if (process.ended() === undefined) return condition();
    throw new Error(`the process ended (${await process.end()}):\n${process.stdout()}${process.stderr()}`);
  }, START_MS);
}

const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** Ports that nobody listens on, outside of the range from which the kernel takes those of outgoing connections. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
