import { readFileSync, readdirSync } from "node:fs";
import type { Clock } from "../lib/clock";
import { COMPATIBLE_VERSION, VERSION } from "../lib/version";
import { monitorEventLoop, type EventLoopMonitor } from "./eventLoop";
import type { Metrics, Sample } from "./metrics";

/**
 * Metrics of the process: CPU, memory, file descriptors, event loop. The delay of the event loop stands under the name of Twisted's
 * reactor, whose dashboard panel asks the same question. Stop the monitor at the end.
 */
export function exposeProcess(metrics: Metrics, clock: Clock): EventLoopMonitor {
  const started = (clock.now() - clock.monotonic()) / 1000;
  const single = (value: number): Sample[] => [{ labels: [], value }];
  const gauge = (name: string, help: string, read: () => number): void => metrics.computed("gauge", { name, help }, () => single(read()));
  const counter = (name: string, help: string, read: () => number): void =>
    metrics.computed("counter", { name, help }, () => single(read()));

  counter("process_cpu_user_seconds_total", "User CPU time", () => process.cpuUsage().user / 1e6);
  counter("process_cpu_system_seconds_total", "System CPU time", () => process.cpuUsage().system / 1e6);
  counter("process_cpu_seconds_total", "CPU time", () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6);
  gauge("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  gauge("process_virtual_memory_bytes", "Virtual memory", virtualMemory);
  gauge("process_heap_bytes", "JavaScript heap in use", () => process.memoryUsage().heapUsed);
  gauge("process_start_time_seconds", "Start, in seconds since the epoch", () => started);
  gauge("process_open_fds", "Open file descriptors", openFiles);
  gauge("process_max_fds", "Most file descriptors", maxFiles);
  const info = { name: "synapse_build_info", help: "Versions", labels: ["pythonversion", "version", "osversion"] };
  const versions = [`node ${process.version}`, `${COMPATIBLE_VERSION} (synapse-ts ${VERSION})`, `${process.platform} ${process.arch}`];
  metrics.computed("gauge", info, () => [{ labels: versions, value: 1 }]);
  return exposeEventLoop(metrics, clock);
}

/** Synapse's histogram is of the length of the reactor's turns; ours is of the delay that they cause, sampled. */
function exposeEventLoop(metrics: Metrics, clock: Clock): EventLoopMonitor {
  const buckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
  const delays = metrics.histogram({ name: "python_twisted_reactor_tick_time", help: "Event loop delay in seconds", buckets }).cell();
  const monitor = monitorEventLoop(clock, (delayMs) => delays.observe(delayMs / 1000));
  const worst = { name: "synapse_ts_event_loop_worst_delay_seconds", help: "Worst event loop delay of the last ten seconds" };
  metrics.computed("gauge", worst, () => [{ labels: [], value: monitor.worstDelay() / 1000 }]);
  return monitor;
}

/** Linux only; elsewhere 0. */
function fromProc(read: () => number): number {
  try {
    return read();
  } catch {
    return 0;
  }
}

const openFiles = (): number => fromProc(() => readdirSync("/proc/self/fd").length);
const maxFiles = (): number => fromProc(() => Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 0));
const virtualMemory = (): number =>
  fromProc(() => Number(/^VmSize:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) * 1024);
