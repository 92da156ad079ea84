import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A program that is to run all the time. */
export interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Whether it works, asked after it was started; absent, it does at once. */
  readonly isReady?: () => Promise<boolean>;
  /** Whether it reads its configuration again on SIGHUP. */
  readonly reloads?: true;
}

export interface SupervisorOptions {
  readonly say: (text: string) => void;
  /** Default 500 ms, doubled with each failure up to 30 s. */
  readonly firstPauseMs?: number;
}

/** Whoever has run for so long has recovered: the next pause is a short one. */
const HEALTHY_MS = 60_000;
const MAX_PAUSE_MS = 30_000;
const READY_MS = 120_000;
const READY_POLL_MS = 50;
const STOP_MS = 60_000;

interface Running {
  readonly program: Program;
  child: ChildProcess | undefined;
  failures: number;
  /** Resolves when it is no longer started again. */
  kept: Promise<void>;
  readonly ending: AbortController;
}

/** How long to wait before a program that has failed so often is started again. */
export function pauseAfter(failures: number, firstMs: number): number {
  return Math.min(MAX_PAUSE_MS, firstMs * 2 ** Math.min(failures, 20));
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
const causeOf = ({ exitCode, signalCode }: ChildProcess): string => (signalCode === null ? `with code ${exitCode}` : `by ${signalCode}`);

/** Starts programs one after another, starts again whatever ends, and stops all of them in the opposite order. */
export class Supervisor {
  private running: Running[] = [];
  private stopping = false;

  constructor(private readonly options: SupervisorOptions) {}

  /** Resolves once the program works. Throws when it ends before: then its configuration is wrong, and to try again helps nobody. */
  async start(program: Program): Promise<void> {
    if (this.stopping) return;
    const one: Running = { program, child: undefined, failures: 0, kept: Promise.resolve(), ending: new AbortController() };
    const child = this.spawn(one);
    // From here on a stop ends it too.
    this.running.push(one);
    try {
      await this.untilReady(one, child);
    } catch (error) {
      this.running = this.running.filter((other) => other !== one);
      throw error;
    }
    if (!one.ending.signal.aborted) one.kept = this.keep(one, child);
  }

  private async untilReady({ program, ending }: Running, child: ChildProcess): Promise<void> {
    const giveUp = performance.now() + READY_MS;
    while (program.isReady && !(await program.isReady())) {
      if (ending.signal.aborted) return;
      if (hasEnded(child)) throw new Error(`${program.name} ended ${causeOf(child)} before it was ready.`);
      if (performance.now() > giveUp) throw new Error(`${program.name} is not ready after ${READY_MS / 1_000} s.`);
      await sleep(READY_POLL_MS);
    }
  }

  /** Has those that can read their configuration again. */
  reload(): void {
    for (const { program, child } of this.running) if (program.reloads) child?.kill("SIGHUP");
  }

  /** Processes by name, for whoever wants to know. */
  pids(): ReadonlyMap<string, number> {
    return new Map(this.running.flatMap(({ program, child }) => (child?.pid === undefined ? [] : [[program.name, child.pid] as const])));
  }

  /** Stops one of them. */
  async end(name: string): Promise<void> {
    const one = this.running.find(({ program }) => program.name === name);
    this.running = this.running.filter((other) => other !== one);
    if (one) await this.finish(one);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const { ending } of this.running) ending.abort();
    for (const one of this.running.toReversed()) await this.finish(one);
  }

  private async finish({ program, child, kept, ending }: Running): Promise<void> {
    ending.abort();
    if (child && !hasEnded(child)) {
      child.kill("SIGTERM");
      const late = setTimeout(() => {
        this.options.say(`${program.name} does not stop and is killed`);
        child.kill("SIGKILL");
      }, STOP_MS);
      if (!hasEnded(child)) await once(child, "exit");
      clearTimeout(late);
    }
    await kept;
  }

  private spawn(one: Running): ChildProcess {
    const { command, environment } = one.program;
    const [file = "", ...args] = command;
    const child = spawn(file, args, { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...environment } });
    one.child = child;
    child.on("error", (error) => this.options.say(`${one.program.name} cannot be started: ${error.message}`));
    return child;
  }

  private async keep(one: Running, first: ChildProcess): Promise<void> {
    const { say, firstPauseMs = 500 } = this.options;
    for (let child = first; ; child = this.spawn(one)) {
      const started = performance.now();
      if (child.pid !== undefined && !hasEnded(child)) await once(child, "exit");
      if (one.ending.signal.aborted) return;
      if (performance.now() - started > HEALTHY_MS) one.failures = 0;
      const pause = pauseAfter(one.failures++, firstPauseMs);
      say(`${one.program.name} ended ${causeOf(child)} and is started again in ${(pause / 1_000).toFixed(1)} s`);
      await sleep(pause, undefined, { signal: one.ending.signal }).catch(() => undefined);
      if (one.ending.signal.aborted) return;
    }
  }
}
