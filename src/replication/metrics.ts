import type { Metrics } from "../observe/metrics";
import type { Notifier } from "./notifier";
import type { Streams } from "./streams";

/** What replication reports while it works. */
export interface ReplicationMetrics {
  /** Waiting users woken by a row of the stream. */
  woken(stream: string, users: number): void;
  /** Ids of the stream of which another process told. */
  received(stream: string, ids: number): void;
  /** A message to the other processes: rows of a stream, or where one stands. */
  sent(command: Command): void;
  /** A request to another process begins; call the result with its HTTP status, or with what went wrong. */
  request(name: string): (code: string) => void;
}

/** Synapse's names for the messages. */
type Command = "RDATA" | "POSITION";

export function createReplicationMetrics(metrics: Metrics): ReplicationMetrics {
  const counter = (name: string, help: string, ...labels: string[]) => metrics.counter({ name, help, labels });
  const woken = counter("synapse_notifier_users_woken_by_stream_total", "Waiting users woken", "stream");
  const received = counter("synapse_replication_tcp_protocol_inbound_rdata_count_total", "Stream rows of other processes", "stream_name");
  const inbound = counter("synapse_replication_tcp_protocol_inbound_commands_total", "Messages of other processes", "command");
  const outbound = counter("synapse_replication_tcp_protocol_outbound_commands_total", "Messages to other processes", "command");
  const requests = counter("synapse_outgoing_replication_requests_total", "Requests to other processes", "name", "code");
  const pending = metrics.gauge({
    name: "synapse_pending_outgoing_replication_requests",
    help: "Requests to other processes without an answer yet",
    labels: ["name"],
  });
  return {
    woken: (stream, users) => void (woken.cell(stream).value += users),
    received(stream, ids) {
      received.cell(stream).value += ids;
      inbound.cell(ids === 0 ? "POSITION" : "RDATA").value++;
    },
    sent: (command) => void outbound.cell(command).value++,
    request(name) {
      pending.cell(name).value++;
      return (code) => {
        pending.cell(name).value--;
        requests.cell(name, code).value++;
      };
    },
  };
}

/** What is computed when somebody asks. */
export function watchReplication(metrics: Metrics, notifier: Notifier, streams: Pick<Streams, "positions" | "lags" | "written">): void {
  for (const what of ["listeners", "users", "rooms"] as const) {
    metrics.computed("gauge", { name: `synapse_notifier_${what}`, help: `${what} that the notifier knows` }, () => [
      { labels: [], value: notifier.stats()[what] },
    ]);
  }
  const labels = ["stream_name"];
  const samples = (values: Readonly<Record<string, number>>) => Object.entries(values).map(([name, value]) => ({ labels: [name], value }));
  metrics.computed("gauge", { name: "synapse_ts_stream_position", help: "Where each stream stands on this process", labels }, () =>
    samples(streams.positions()),
  );
  const written = { name: "synapse_ts_stream_written_position", help: "The last position that this process wrote", labels };
  metrics.computed("gauge", written, () => samples(streams.written()));
  const persisted = { name: "synapse_event_persisted_position", help: "The last event that this process stored" };
  metrics.computed("gauge", persisted, () => [{ labels: [], value: streams.written()["events"] ?? 0 }]);
  metrics.computed(
    "gauge",
    { name: "synapse_replication_tcp_command_queue", help: "Stream ids heard of and not applied yet", labels },
    () => samples(streams.lags()),
  );
}
