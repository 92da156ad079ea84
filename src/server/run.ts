import type { Config } from "../config/config";
import { systemClock } from "../lib/clock";
import { systemRandom } from "../lib/random";
import { readFileSync } from "node:fs";
import { readLogConfig } from "../config/parseLogConfig";
import type { App } from "../handlers/app";
import { startFederationSender } from "../services/federationSender/sender";
import { startAppserviceSender } from "../services/appserviceSender/appserviceSender";
import { startMaintenance } from "../services/maintenance";
import { startMediaJobs } from "../services/mediaJobs";
import { startPusher } from "../services/pusher/pusher";
import { startSearchIndex } from "../services/search";
import { startUserDirectory } from "../services/userDirectory";
import { createLogging } from "../observe/logging";
import type { Logging } from "../observe/logging";
import type { Logger, LoggerFactory } from "../observe/logger";
import { createMetrics } from "../observe/metrics";
import { exposeProcess } from "../observe/processMetrics";
import { groupsServed, requirePlan } from "../roles/plan";
import { allGroups } from "../rest/registry";
import { createApp } from "./app";
import { openDatabase } from "./database";
import { createDeployment } from "./deployment";
import { createListeners } from "./http/listeners";
import { notifySystemd } from "./systemd";

/** How long requests may go on once the process was told to stop. */
const GRACE_MS = 10_000;

export interface RunningProcess {
  /** Addresses that it answers at. */
  readonly addresses: readonly string[];
  reloadTls(tls: NonNullable<Config["derived"]["tls"]>): void;
  /** Stops accepting, finishes requests, drains writers, and closes the database. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly config: Config;
  readonly log: LoggerFactory;
  /** Called when the process must end: its database belongs to another one now. */
  readonly onFatal: (error: Error) => void;
}

/** Starts everything that the plan of this process says, in order; whatever fails undoes what was started. */
export async function startProcess({ config, log, onFatal }: StartOptions): Promise<RunningProcess> {
  const plan = requirePlan(config);
  const metrics = createMetrics(config.server_name);
  const clock = systemClock;
  const random = systemRandom;
  const undo: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const monitor = exposeProcess(metrics, clock);
    undo.push(() => monitor.stop());
    const database = await openDatabase({ config, clock, log, metrics, onFatal });
    undo.push(database.close);
    const deployment = await createDeployment({ config, plan, db: database.pool, locked: database.locked, clock, random, log, onFatal });
    undo.push(deployment.stop);
    await deployment.start();
    const running = createApp({ config, db: database.pool, clock, random, log, metrics, deployment });
    undo.push(running.stop);
    await running.start();
    if (plan.services.includes("federation_sender")) undo.push(startSender(running.app));
    if (plan.services.includes("background")) undo.push(startMaintenance(running.app));
    if (plan.services.includes("media_jobs")) undo.push(startMediaJobs(running.app));
    if (plan.services.includes("background") && config.enable_search) undo.push(startSearchIndex(running.app));
    if (plan.services.includes("user_directory")) undo.push(startUserDirectory(running.app));
    if (plan.services.includes("appservice_sender")) undo.push(startAppserviceSender(running.app));
    if (plan.services.includes("pusher")) undo.push(startPusher(running.app));
    const groups = allGroups.filter((group) => plan.listeners.some((listener) => groupsServed(listener, [group]).length > 0));
    const listeners = createListeners({ app: running.app, listeners: config.derived.listeners, groups, log, metrics });
    await listeners.open();
    undo.push(() => listeners.close(GRACE_MS));
    // Requests that wait for news would hold up the end: they are answered with what there is.
    undo.push(() => running.app.notifier.close());
    return { addresses: listeners.addresses(), reloadTls: (tls) => listeners.reloadTls(tls), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startSender(app: App): () => Promise<void> {
  const sender = startFederationSender(app);
  return () => sender.stop();
}

export interface RunOptions {
  readonly config: Config;
  /** Called when requests are being answered. */
  readonly onReady?: () => void;
}

/** Runs a process until it is told to stop. Resolves when everything is closed; fails when it cannot start or must end. */
export async function runProcess({ config, onReady }: RunOptions): Promise<void> {
  const logging = createLogging({ config: config.derived.log, clock: systemClock, serverName: config.server_name });
  const log = logging.log("synapse.app");
  process.on("exit", () => logging.closeSync());
  try {
    let end: (error?: Error) => void = () => undefined;
    const ended = new Promise<Error | undefined>((resolve) => (end = resolve));
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => end());
    const running = await startProcess({ config, log: logging.log, onFatal: end });
    process.on("SIGHUP", () => void reload(config, { logging, running, log }));
    log.info(`${config.derived.instanceName} is ready at ${running.addresses.join(", ")}`);
    notifySystemd("READY=1");
    onReady?.();
    const error = await ended;
    notifySystemd("STOPPING=1");
    await running.stop();
    if (error) throw error;
  } finally {
    await logging.close();
  }
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
