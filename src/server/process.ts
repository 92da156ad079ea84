import type { Config } from "../config/config";
import { systemRandom } from "../lib/random";
import type { Clock } from "../lib/clock";
import type { App } from "../handlers/app";
import { startAutoAccept } from "../services/autoAccept";
import { startFederationSender } from "../services/federationSender/sender";
import { startAppserviceSender } from "../services/appserviceSender/appserviceSender";
import { startMaintenance } from "../services/maintenance";
import { startMediaJobs } from "../services/mediaJobs";
import { startPusher } from "../services/pusher/pusher";
import { startUserDirectory } from "../services/userDirectory";
import type { LoggerFactory } from "../observe/logger";
import type { Metrics } from "../observe/metrics";
import { exposeProcess } from "../observe/processMetrics";
import { groupsHandedOn, groupsServed } from "../roles/plan";
import type { ProcessPlan } from "../roles/plan";
import { handedOn } from "../rest/media/handOn";
import { allGroups } from "../rest/registry";
import { createApp } from "./app";
import type { OpenDatabase } from "./database";
import { createDeployment } from "./deployment";
import { createListeners } from "./http/listeners";

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
  readonly plan: ProcessPlan;
  /** Closed by this process from now on. */
  readonly database: OpenDatabase;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: LoggerFactory;
  /** Called when the process must end: its database belongs to another one now. */
  readonly onFatal: (error: Error) => void;
}

/** Starts everything that the plan of this process says, in order; whatever fails undoes what was started. */
export async function startProcess({ config, plan, database, clock, metrics, log, onFatal }: StartOptions): Promise<RunningProcess> {
  const random = systemRandom;
  const undo: (() => Promise<void> | void)[] = [database.close];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const monitor = exposeProcess(metrics, clock);
    undo.push(() => monitor.stop());
    const deployment = await createDeployment({ config, plan, database, clock, random, log, onFatal });
    undo.push(deployment.stop);
    await deployment.start();
    const running = createApp({ config, db: database.pool, clock, random, log, metrics, deployment });
    undo.push(running.stop);
    await running.start();
    if (plan.services.includes("federation_sender")) undo.push(startSender(running.app));
    if (plan.services.includes("background")) undo.push(startMaintenance(running.app));
    if (plan.services.includes("media_jobs")) undo.push(startMediaJobs(running.app));
    if (plan.services.includes("background") && config.enable_search) {
      running.app.searchIndex.start();
      undo.push(() => running.app.searchIndex.stop());
    }
    if (plan.services.includes("auto_accept_invites") && config.auto_accept_invites.enabled) undo.push(startAutoAccept(running.app));
    if (plan.services.includes("user_directory")) undo.push(startUserDirectory(running.app));
    if (plan.services.includes("appservice_sender")) undo.push(startAppserviceSender(running.app));
    if (plan.services.includes("pusher")) undo.push(startPusher(running.app));
    if (plan.writes.includes("events")) {
      running.app.delayedEvents.start();
      undo.push(() => running.app.delayedEvents.stop());
    }
    const served = allGroups.filter((group) => plan.listeners.some((listener) => groupsServed(listener, [group]).length > 0));
    const groups = [...served, ...groupsHandedOn(plan, allGroups).map(handedOn)];
    const listeners = createListeners({ app: running.app, listeners: config.derived.listeners, groups, log, metrics, eventLoop: monitor });
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
