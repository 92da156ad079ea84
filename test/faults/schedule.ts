import { seeded } from "../builders/seeded";

export const faultKinds = [
  "kill",
  "stop",
  "freeze",
  "add or remove",
  "redis kill",
  "redis freeze",
  "database crash",
  "database restart",
  "database freeze",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One thing that goes wrong: it begins, holds for a while and is mended, and then nothing happens for a while. */
export interface Fault {
  readonly kind: FaultKind;
  /** A process, or "redis" or "database". */
  readonly target: string;
  readonly holdMs: number;
  readonly pauseMs: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  /** The schedule ends with the first fault after this time. */
  readonly totalMs: number;
  /** The longest time for which anything is frozen. */
  readonly maxFreezeMs: number;
  /** Processes that are killed, stopped and frozen. */
  readonly processes: readonly string[];
  /** Workers that come and go; at first they are away. */
  readonly extra: readonly string[];
}

/** Kinds by how often they come: the processes of the server are what this is about. */
const deck: readonly FaultKind[] = [
  ...Array.from({ length: 4 }, () => ["kill", "stop", "freeze"] as const).flat(),
  "add or remove",
  "add or remove",
  ...faultKinds.slice(4),
];

/** What happens when, worked out of nothing but the options: the same seed gives the same faults. */
export function makeSchedule({ seed, totalMs, maxFreezeMs, processes, extra }: ScheduleOptions): Fault[] {
  const random = seeded(seed);
  const between = (low: number, high: number): number => Math.round(low + random.fraction() * Math.max(0, high - low));
  const faults: Fault[] = [];
  let left: FaultKind[] = [];
  let at = 0;
  while (at < totalMs) {
    // Dealt and not drawn, so that each kind comes in its turn also in a short run.
    if (left.length === 0) left = [...deck];
    const [kind = "kill"] = left.splice(random.below(left.length), 1);
    const [first = ""] = kind.split(" ");
    const target = kind === "add or remove" ? random.pick(extra) : ["redis", "database"].includes(first) ? first : random.pick(processes);
    const isFreeze = kind.endsWith("freeze");
    const holdMs = kind === "add or remove" || kind === "database restart" ? 0 : between(500, isFreeze ? maxFreezeMs : 6_000);
    const fault = { kind, target, holdMs, pauseMs: between(500, 2_500) };
    faults.push(fault);
    at += fault.holdMs + fault.pauseMs;
  }
  return faults;
}
