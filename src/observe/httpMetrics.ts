import type { RequestContext } from "./context";
import type { Cell, HistogramCell, Metrics } from "./metrics";

/** One finished request. Times in ms, bytes of the answer's body. */
export interface FinishedRequest {
  readonly context: RequestContext;
  readonly status: number;
  readonly totalMs: number;
  /** Of this thread, as far as it surely went into this request. */
  readonly cpuMs: number;
  readonly bytes: number;
}

/** Counts one request that is being served. */
export interface RequestMeter {
  finished(request: FinishedRequest): void;
}

export interface HttpMetrics {
  /** Called once the route is known. `tag` is that of the listener. */
  started(method: string, servlet: string, tag: string): RequestMeter;
}

interface StatusCells {
  readonly time: HistogramCell;
  readonly code: Cell;
}

const NAME = "synapse_http_server";

/** Metrics of the HTTP server under Synapse's names (synapse_http_server_*). */
export function createHttpMetrics(metrics: Metrics): HttpMetrics {
  const servlet = ["method", "servlet"];
  const tagged = ["method", "servlet", "tag"];
  const counter = (name: string, help: string, labels: readonly string[]) => metrics.counter({ name: `${NAME}_${name}`, help, labels });
  const received = counter("requests_received_total", "Requests received", servlet);
  const responses = counter("response_count_total", "Requests answered", tagged);
  const codes = counter("responses_total", "Answers by status", ["method", "code"]);
  const cpu = counter("response_ru_utime_seconds_total", "CPU time of this thread that requests surely took", tagged);
  counter("response_ru_stime_seconds_total", "Always 0: system time cannot be told apart", tagged);
  const dbCount = counter("response_db_txn_count_total", "Statements and transactions", tagged);
  const dbTime = counter("response_db_txn_duration_seconds_total", "Time in the database", tagged);
  const dbWait = counter("response_db_sched_duration_seconds_total", "Time spent waiting for a connection", tagged);
  const bytes = counter("response_size_total", "Bytes sent", tagged);
  const inFlight = metrics.gauge({ name: `${NAME}_in_flight_requests_count`, help: "Requests being served", labels: servlet });
  const times = metrics.histogram({ name: `${NAME}_response_time_seconds`, help: "Time to answer", labels: [...tagged, "code"] });
  const meters = new Map<string, RequestMeter & { readonly begin: () => void }>();

  function createMeter(method: string, name: string, tag: string) {
    const of = (family: typeof responses): Cell => family.cell(method, name, tag);
    const cells = {
      responses: of(responses),
      cpu: of(cpu),
      dbCount: of(dbCount),
      dbTime: of(dbTime),
      dbWait: of(dbWait),
      bytes: of(bytes),
    };
    const begun = received.cell(method, name);
    const active = inFlight.cell(method, name);
    const statuses = new Map<number, StatusCells>();
    const ofStatus = (status: number): StatusCells => ({
      time: times.cell(method, name, tag, String(status)),
      code: codes.cell(method, String(status)),
    });
    return {
      begin() {
        begun.value++;
        active.value++;
      },
      finished({ context, status, totalMs, cpuMs, bytes: sent }: FinishedRequest) {
        active.value--;
        cells.responses.value++;
        cells.cpu.value += cpuMs / 1000;
        cells.dbCount.value += context.dbCount;
        cells.dbTime.value += context.dbTimeMs / 1000;
        cells.dbWait.value += context.dbWaitMs / 1000;
        cells.bytes.value += sent;
        let cell = statuses.get(status);
        if (!cell) statuses.set(status, (cell = ofStatus(status)));
        cell.time.observe(totalMs / 1000);
        cell.code.value++;
      },
    };
  }

  return {
    started(method, name, tag) {
      const key = `${tag} ${method} ${name}`;
      let meter = meters.get(key);
      if (!meter) meters.set(key, (meter = createMeter(method, name, tag)));
      meter.begin();
      return meter;
    },
  };
}
