import type { Clock } from "../lib/clock";
import { newContext, runInContext, runOutsideContext } from "./context";
import type { LoggerFactory } from "./logger";
import type { Metrics } from "./metrics";

export type Background = (name: string, work: () => Promise<void>) => void;

/**
 * Makes `app.background`: starts work that outlives what starts it, in a context of its own. A failure is logged and goes no further.
 * Metrics are synapse_background_process_*; names must come from a bounded set.
 */
export function createBackground(log: LoggerFactory, metrics: Metrics, clock: Clock): Background {
  const logger = log("synapse.metrics.background_process_metrics");
  const labels = ["name"];
  const of = (suffix: string, help: string) => metrics.counter({ name: `synapse_background_process_${suffix}`, help, labels });
  const started = of("start_count", "Background work started");
  const dbCount = of("db_txn_count", "Statements and transactions of background work");
  const dbTime = of("db_txn_duration_seconds_total", "Database time of background work");
  const dbWait = of("db_sched_duration_seconds_total", "Time that background work waited for a connection");
  const inFlight = metrics.gauge({ name: "synapse_background_process_in_flight_count", help: "Background work running", labels });
  const time = metrics.counter({ name: "synapse_ts_background_process_seconds_total", help: "Duration of background work", labels });
  let last = 0;

  async function run(name: string, work: () => Promise<void>): Promise<void> {
    const context = newContext(`${name}-${++last}`, name);
    const begin = clock.monotonic();
    started.cell(name).value++;
    inFlight.cell(name).value++;
    try {
      await runInContext(context, work);
    } catch (error) {
      runInContext(context, () => logger.error(`Background process '${name}' threw an exception`, { error }));
    }
    inFlight.cell(name).value--;
    dbCount.cell(name).value += context.dbCount;
    dbTime.cell(name).value += context.dbTimeMs / 1000;
    dbWait.cell(name).value += context.dbWaitMs / 1000;
    time.cell(name).value += (clock.monotonic() - begin) / 1000;
  }

  return (name, work) => void runOutsideContext(() => run(name, work));
}
