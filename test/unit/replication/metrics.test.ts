import { systemClock } from "../../../src/lib/clock";
import { createMetrics } from "../../../src/observe/metrics";
import { createReplicationMetrics, watchReplication } from "../../../src/replication/metrics";
import { Notifier } from "../../../src/replication/notifier";
import { receiptTable, testProcess } from "../../builders/replication";

test("replication counts under Synapse's names", async () => {
  const registry = createMetrics("test.local");
  const metrics = createReplicationMetrics(registry);
  const table = receiptTable();
  const notifier = new Notifier({ clock: systemClock, metrics });
  const { streams } = testProcess({ defs: [table.stream], notifier, metrics });
  watchReplication(registry, notifier, streams);
  await streams.start();
  const listener = notifier.listener("@u", ["!r1", "!r2"]);
  streams.publish(table.stream, table.insert({ roomId: "!r1", userId: "@u" }));
  expect(await listener.wait(10_000)).toBe(true);
  expect(await registry.read("synapse_notifier_rooms")).toBe(2);
  expect(await registry.read("no_such_metric")).toBeUndefined();
  metrics.received("receipts", 3);
  metrics.received("receipts", 0);
  metrics.sent("RDATA");
  const ended = metrics.request("send_events");
  metrics.request("send_events");
  ended("200");
  const text = await registry.text();
  for (const line of [
    /^synapse_notifier_listeners\S* 1$/m,
    /^synapse_notifier_rooms\S* 2$/m,
    /^synapse_notifier_users_woken_by_stream_total\{.*stream="receipts".*\} 1$/m,
    /^synapse_replication_tcp_protocol_inbound_rdata_count_total\{.*stream_name="receipts".*\} 3$/m,
    /^synapse_replication_tcp_protocol_inbound_commands_total\{.*command="POSITION".*\} 1$/m,
    /^synapse_replication_tcp_protocol_outbound_commands_total\{.*command="RDATA".*\} 1$/m,
    /^synapse_ts_stream_written_position\{.*stream_name="receipts".*\} 1$/m,
    /^synapse_event_persisted_position\S* 0$/m,
    /^synapse_ts_stream_position\{.*stream_name="receipts".*\} 1$/m,
    /^synapse_outgoing_replication_requests_total\{.*code="200".*\} 1$/m,
    /^synapse_pending_outgoing_replication_requests\{.*name="send_events".*\} 1$/m,
  ]) {
    expect(text).toMatch(line);
  }
});
