import { createMetrics } from "../../../src/observe/metrics";
import { createSenderMetrics as createAppserviceMetrics } from "../../../src/services/appserviceSender/metrics";
import { createSenderMetrics as createFederationMetrics, exposePending } from "../../../src/services/federationSender/metrics";

test("the senders to servers and to application services count side by side in one process", async () => {
  const metrics = createMetrics("test.local");
  createFederationMetrics(metrics);
  exposePending(metrics, { pending: () => ({ destinations: 0, pdus: 0, edus: 0 }), position: () => 1 });
  createAppserviceMetrics(metrics).collected(2, 7);
  const text = await metrics.text();
  expect(text).toMatch(/synapse_event_processing_positions\{.*\} 1/);
  expect(text).toMatch(/synapse_ts_appservice_sender_position\{.*\} 7/);
});
