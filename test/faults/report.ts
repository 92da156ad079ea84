import type { Operation } from "./history";
import type { Fault } from "./schedule";

/** A fault as it took place, in milliseconds of the clock of the operations. */
export interface Happened extends Fault {
  readonly from: number;
  readonly to: number;
}

export interface Unavailability {
  readonly kind: string;
  readonly count: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

/** What came of a fault may show for so long after it was mended. */
const AFTERMATH_MS = 1_000;

/** For each fault the longest time that any operation took that was under way during it; of these by kind the median and the worst. */
export function unavailability(faults: readonly Happened[], operations: readonly Operation[]): Unavailability[] {
  const worst = faults.map(({ kind, from, to }) => {
    const during = operations.filter(({ invoked, acknowledged = Infinity }) => invoked < to + AFTERMATH_MS && acknowledged > from);
    return { kind, ms: Math.max(0, ...during.map(({ invoked, acknowledged = to }) => acknowledged - invoked)) };
  });
  return [...new Set(worst.map(({ kind }) => kind))].sort().map((kind) => {
    const times = worst.filter((one) => one.kind === kind).map(({ ms }) => ms);
    const sorted = times.toSorted((a, b) => a - b);
    const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
    return { kind, count: times.length, medianMs: Math.round(medianMs), worstMs: Math.round(sorted.at(-1) ?? 0) };
  });
}

export function formatReport(rows: readonly Unavailability[]): string {
  const line = (cells: readonly string[]): string => cells.map((cell, i) => (i === 0 ? cell.padEnd(18) : cell.padStart(10))).join("");
  const head = line(["fault", "times", "median s", "worst s"]);
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  return [head, ...rows.map((row) => line([row.kind, String(row.count), seconds(row.medianMs), seconds(row.worstMs)]))].join("\n");
}
