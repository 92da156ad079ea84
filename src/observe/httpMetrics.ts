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
  const families = declare(metrics);
  const meters = new Map<string, Meter>();
  return {
    started(method, servlet, tag) {
      const key = `${tag} ${method} ${servlet}`;
      let meter = meters.get(key);
      if (!meter) meters.set(key, (meter = createMeter(families, method, servlet, tag)));
      meter.begin();
      return meter;
    },
  };
}

type Families = ReturnType<typeof declare>;

function declare(metrics: Metrics) {
  const servlet = ["method", "servlet"];
  const tagged = ["method", "servlet", "tag"];
  const counter = (name: string, help: string, labels: readonly string[]) => metrics.counter({ name: `${NAME}_${name}`, help, labels });
  counter("response_ru_stime_seconds_total", "Always 0: system time cannot be told apart", tagged);
  return {
    received: counter("requests_received_total", "Requests received", servlet),
    responses: counter("response_count_total", "Requests answered", tagged),
    codes: counter("responses_total", "Answers by status", ["method", "code"]),
    cpu: counter("response_ru_utime_seconds_total", "CPU time of this thread that requests surely took", tagged),
    dbCount: counter("response_db_txn_count_total", "Statements and transactions", tagged),
    dbTime: counter("response_db_txn_duration_seconds_total", "Time in the database", tagged),
    dbWait: counter("response_db_sched_duration_seconds_total", "Time spent waiting for a connection", tagged),
    bytes: counter("response_size_total", "Bytes sent", tagged),
    inFlight: metrics.gauge({ name: `${NAME}_in_flight_requests_count`, help: "Requests being served", labels: servlet }),
    times: metrics.histogram({ name: `${NAME}_response_time_seconds`, help: "Time to answer", labels: [...tagged, "code"] }),
  };
}

interface Meter extends RequestMeter {
  begin(): void;
}

/** Looks the series of one kind of request up once, so that a request only adds to numbers. */
function createMeter(families: Families, method: string, servlet: string, tag: string): Meter {
  const of = (family: Families["responses"]): Cell => family.cell(method, servlet, tag);
  const { responses, cpu, dbCount, dbTime, dbWait, bytes } = families;
  const cells = { responses: of(responses), cpu: of(cpu), dbCount: of(dbCount), dbTime: of(dbTime), dbWait: of(dbWait), bytes: of(bytes) };
  const begun = families.received.cell(method, servlet);
  const active = families.inFlight.cell(method, servlet);
  const statuses = new Map<number, StatusCells>();
  const ofStatus = (status: number): StatusCells => ({
    time: families.times.cell(method, servlet, tag, String(status)),
    code: families.codes.cell(method, String(status)),
  });
  return {
    begin() {
      begun.value++;
      active.value++;
    },
    finished({ context, status, totalMs, cpuMs, bytes: sent }) {
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
