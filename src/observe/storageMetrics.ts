import { countQuery } from "./context";
import type { HistogramCell, Metrics } from "./metrics";

/** What the storage layer reports. Times in ms. */
export interface StorageMetrics {
  /** A statement outside of transactions, or in one. `verb` is its first word, upper case: SELECT, INSERT ... */
  query(verb: string, timeMs: number, waitMs: number): void;
  /** A transaction, under the name of what it does. */
  transaction(description: string, timeMs: number): void;
}

const KNOWN_VERBS = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];

/** Counts for dashboards and for the request at hand. */
export function createStorageMetrics(metrics: Metrics): StorageMetrics {
  const query = metrics.histogram({ name: "synapse_storage_query_time", help: "Seconds per statement", labels: ["verb"] });
  const schedule = metrics.histogram({ name: "synapse_storage_schedule_time", help: "Seconds waited for a connection" }).cell();
  const count = metrics.counter({ name: "synapse_storage_transaction_time_count_total", help: "Transactions", labels: ["desc"] });
  const sum = metrics.counter({ name: "synapse_storage_transaction_time_sum_total", help: "Seconds in transactions", labels: ["desc"] });
  const verbs = new Map<string, HistogramCell>(KNOWN_VERBS.map((verb) => [verb, query.cell(verb)]));
  const other = query.cell("OTHER");
  return {
    query(verb, timeMs, waitMs) {
      countQuery(timeMs, waitMs);
      (verbs.get(verb) ?? other).observe(timeMs / 1000);
      schedule.observe(waitMs / 1000);
    },
    transaction(description, timeMs) {
      count.cell(description).value++;
      sum.cell(description).value += timeMs / 1000;
    },
  };
}
