import type { Cell, Family, Metrics } from "../../observe/metrics";

/** What the sender counts, under Synapse's names. */
export interface SenderMetrics {
  readonly transactions: Cell;
  /** Destinations of events, and events. */
  readonly pduDestinations: Cell;
  readonly pdus: Cell;
  readonly edus: Cell;
  readonly edusByType: Family;
  readonly eventsProcessed: Cell;
}

export interface Pending {
  readonly destinations: number;
  readonly pdus: number;
  readonly edus: number;
}

export function createSenderMetrics(metrics: Metrics): SenderMetrics {
  const counter = (name: string, help: string) => metrics.counter({ name: `synapse_federation_client_${name}`, help }).cell();
  return {
    transactions: counter("sent_transactions_total", "Transactions that other servers took"),
    pduDestinations: counter("sent_pdu_destinations_total", "Events queued, by destination"),
    pdus: counter("sent_pdu_destinations_count_total", "Events queued"),
    edus: counter("sent_edus_total", "EDUs sent"),
    edusByType: metrics.counter({
      name: "synapse_federation_client_sent_edus_by_type_total",
      help: "EDUs sent, by type",
      labels: ["type"],
    }),
    eventsProcessed: counter("events_processed_total", "Events of ours that were looked at"),
  };
}

/** Gauges of what waits now. */
export function exposePending(metrics: Metrics, { pending, position }: { pending: () => Pending; position: () => number }): void {
  const gauge = (what: keyof Pending, help: string): void =>
    metrics.computed("gauge", { name: `synapse_federation_transaction_queue_pending_${what}`, help }, () => [
      { labels: [], value: pending()[what] },
    ]);
  gauge("destinations", "Servers that something waits for");
  gauge("pdus", "Events that wait in memory");
  gauge("edus", "EDUs that wait");
  metrics.computed("gauge", { name: "synapse_event_processing_positions", help: "Position in the events stream", labels: ["name"] }, () => [
    { labels: ["federation_sender"], value: position() },
  ]);
}
