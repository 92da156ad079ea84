import type { Metrics } from "../../observe/metrics";

export interface SenderMetrics {
  sent(serviceId: string): void;
  failed(serviceId: string): void;
  /** So many events went into a transaction; everything up to a position has been looked at. */
  collected(events: number, position: number): void;
}

/** Synapse's names. Services are few, so they may be labels. */
export function createSenderMetrics(metrics: Metrics): SenderMetrics {
  const of = (name: string, help: string) => metrics.counter({ name: `synapse_appservice_api_${name}_total`, help, labels: ["service"] });
  const sent = of("sent_transactions", "Transactions that an application service took");
  const failed = of("failed_transactions", "Transactions that an application service did not take");
  const handled = metrics.counter({
    name: "synapse_handlers_appservice_events_processed_total",
    help: "Events sent to application services",
  });
  const place = metrics.gauge({ name: "synapse_ts_appservice_sender_position", help: "How far events have been looked at" });
  return {
    sent: (serviceId) => void sent.cell(serviceId).value++,
    failed: (serviceId) => void failed.cell(serviceId).value++,
    collected(events, position) {
      handled.cell().value += events;
      place.cell().value = position;
    },
  };
}
