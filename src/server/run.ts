import { readFileSync } from "node:fs";
import { setDefaultAutoSelectFamilyAttemptTimeout } from "node:net";
import { setImmediate } from "node:timers/promises";
import type { Config } from "../config/config";
import { systemClock } from "../lib/clock";
import { readLogConfig } from "../config/parseLogConfig";
import { createLogging } from "../observe/logging";
import type { Logging } from "../observe/logging";
import type { Logger } from "../observe/logger";
import { createMetrics } from "../observe/metrics";
import { requirePlan } from "../roles/plan";
import { openDatabase } from "./database";
import type { RunningProcess, StartOptions } from "./process";
import { notifySystemd, startWatchdog } from "./systemd";
import { limitYoungGeneration } from "./youngGeneration";

export interface RunOptions {
  readonly config: Config;
  /** Called when requests are being answered. */
  readonly onReady?: () => void;
}

/**
 * How long Node tries an address before it gives it up for the next of the same name, in ms. Its own 250 are less than a packet takes
 * around the world and back, so that servers there could not be reached where the next address is of a kind that this machine has not
 * (nodejs/node#54359). An address that is refused is given up at once.
 */
const ADDRESS_MS = 2_500;

/** Runs a process until it is told to stop. Resolves when everything is closed; fails when it cannot start or must end. */
export async function runProcess({ config, onReady }: RunOptions): Promise<void> {
  const logging = createLogging({ config: config.derived.log, clock: systemClock, serverName: config.server_name });
  const log = logging.log("synapse.app");
  process.on("exit", () => logging.closeSync());
  setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS);
  try {
    let end: (error?: Error) => void = () => undefined;
    const ended = new Promise<Error | undefined>((resolve) => (end = resolve));
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => end());
    const running = await start({ config, log: logging.log, onFatal: end });
    process.on("SIGHUP", () => void reload(config, { logging, running, log }));
    log.info(`${config.derived.instanceName} is ready at ${running.addresses.join(", ")}`);
    notifySystemd("READY=1");
    startWatchdog();
    onReady?.();
    const error = await ended;
    notifySystemd("STOPPING=1");
    await running.stop();
    if (error) throw error;
  } finally {
    await logging.close();
  }
}

/** Opens the database and meanwhile loads the rest of the program: the embedded server takes as long to start. */
async function start(options: Pick<StartOptions, "config" | "log" | "onFatal">): Promise<RunningProcess> {
  const plan = requirePlan(options.config);
  // Where there are several processes, twice the space saves each of them some CPU for a few MiB more.
  limitYoungGeneration(plan.bus.kind === "none" ? 8 : 16);
  const common = { ...options, clock: systemClock, metrics: createMetrics(options.config.server_name) };
  const [database, { startProcess }] = await Promise.all([openDatabase(common), setImmediate().then(() => import("./process"))]);
  return startProcess({ ...common, plan, database });
}

/** Reads the log configuration and the certificate again. What is wrong with them is logged, and the old ones stay. */
async function reload(
  config: Config,
  { logging, running, log }: { logging: Logging; running: RunningProcess; log: Logger },
): Promise<void> {
  try {
    const { file } = config.derived.log;
    await logging.reload(file === undefined ? config.derived.log : readLogConfig(file).log);
    const { tls_certificate_path: certificate, tls_private_key_path: privateKey } = config;
    if (config.derived.tls && certificate !== undefined && privateKey !== undefined) {
      running.reloadTls({ certificate: readFileSync(certificate, "utf8"), privateKey: readFileSync(privateKey, "utf8") });
    }
    log.info("Reloaded the log configuration and certificates");
  } catch (error) {
    log.error("Cannot reload", { error });
  }
}
