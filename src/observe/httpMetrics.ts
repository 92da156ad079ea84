import type { RequestContext } from "./context";
import type { Cell, HistogramCell, Metrics } from "./metrics";

/** One finished request. */
export interface FinishedRequest {
  readonly context: RequestContext;
  readonly method: string;
  /** Tag of the listener. */
  readonly tag: string;
  readonly status: number;
  /** Milliseconds until the end of the answer. */
  readonly totalMs: number;
  /** Milliseconds of this thread that the request surely took. */
  readonly cpuMs: number;
  /** Bytes of the answer's body. */
  readonly bytes: number;
}

export interface HttpMetrics {
  started(method: string, servlet: string): void;
  finished(request: FinishedRequest): void;
}

/** The series of one (method, servlet, tag), looked up once for each request. */
interface ServletCells {
  readonly responses: Cell;
  readonly cpu: Cell;
  readonly dbCount: Cell;
  readonly dbTime: Cell;
  readonly dbWait: Cell;
  readonly bytes: Cell;
  readonly times: Map<number, HistogramCell>;
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
  const known = new Map<string, ServletCells>();

  function cellsOf(method: string, name: string, tag: string): ServletCells {
    const key = `${method} ${name} ${tag}`;
    let cells = known.get(key);
    if (!cells) {
      const of = (family: typeof responses): Cell => family.cell(method, name, tag);
      cells = { responses: of(responses), cpu: of(cpu), dbCount: of(dbCount), dbTime: of(dbTime), dbWait: of(dbWait), bytes: of(bytes), times: new Map() };
      known.set(key, cells);
    }
    return cells;
  }

  return {
    started(method, name) {
      received.cell(method, name).value++;
      inFlight.cell(method, name).value++;
    },
    finished({ context, method, tag, status, totalMs, cpuMs, bytes: sent }) {
      const cells = cellsOf(method, context.servlet, tag);
      inFlight.cell(method, context.servlet).value--;
      codes.cell(method, String(status)).value++;
      cells.responses.value++;
      cells.cpu.value += cpuMs / 1000;
      cells.dbCount.value += context.dbCount;
      cells.dbTime.value += context.dbTimeMs / 1000;
      cells.dbWait.value += context.dbWaitMs / 1000;
      cells.bytes.value += sent;
      let time = cells.times.get(status);
      if (!time) cells.times.set(status, (time = times.cell(method, context.servlet, tag, String(status))));
      time.observe(totalMs / 1000);
    },
  };
}
