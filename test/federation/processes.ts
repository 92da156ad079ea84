import type { TestProcess } from "../builders/process";

/** The processes of one server. */
export interface Processes {
  /** Starts those that do not run. */
  start(): Promise<void>;
  /** Stops all that run; fails where one does not stop cleanly. */
  stop(): Promise<void>;
  /** Ends one of them as a crash would, each time the next. */
  kill(): Promise<void>;
  /** Freezes one of them, each time the next. */
  freeze(): void;
  thaw(): void;
}

/** The processes that these start. `name` is whose what they wrote is, where something went wrong. */
export function createProcesses(name: string, starts: readonly (() => Promise<TestProcess>)[]): Processes {
  const processes: (TestProcess | undefined)[] = starts.map(() => undefined);
  let turn = 0;
  let frozen: TestProcess | undefined;
  const isRunning = (one: TestProcess | undefined): one is TestProcess => one !== undefined && one.ended() === undefined;
  const next = (): TestProcess | undefined => processes[turn++ % starts.length];
  /** What went wrong there is not seen from here. */
  const tell = (one: TestProcess | undefined): void => {
    const said = `${one?.stdout() ?? ""}${one?.stderr() ?? ""}`;
    if (process.env["SYNAPSE_TS_TEST_LOG"] || / - (ERROR|CRITICAL) - /.test(said)) process.stderr.write(`${name} said:\n${said}\n`);
  };
  return {
    async start() {
      const begin = async (start: () => Promise<TestProcess>, i: number): Promise<void> => {
        if (!isRunning(processes[i])) processes[i] = await start();
      };
      await Promise.all(starts.map(begin));
    },
    async stop() {
      const stopped = await Promise.allSettled(processes.filter(isRunning).map((one) => one.stop()));
      processes.forEach(tell);
      for (const result of stopped) if (result.status === "rejected") throw result.reason;
    },
    async kill() {
      const killed = next();
      await killed?.kill();
      tell(killed);
    },
    freeze() {
      frozen = next();
      frozen?.freeze();
    },
    thaw: () => frozen?.thaw(),
  };
}
