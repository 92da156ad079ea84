import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { TestDatabase } from "../builders/database";

const MS_PER_TICK = 1_000 / Number(execFileSync("getconf", ["CLK_TCK"]).toString());

/** CPU time of a process with all its threads, in ms. proc(5): utime and stime are the 14th and 15th field, the name before them may hold blanks. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** What a process holds now and held at most, in MiB. */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  return { now: of("VmRSS"), peak: of("VmHWM") };
}

/** CPU time in ms of those that serve a database's connections but the test's own: on the machine of the test alone. */
export async function databaseCpu({ db, name }: TestDatabase): Promise<ReadonlyMap<number, number>> {
  const rows = await db<{ pid: number }>`
    select pid from pg_stat_activity where datname = ${name} and pid <> pg_backend_pid() and backend_type = 'client backend'`;
  return new Map(rows.map(({ pid }) => [pid, cpuOf(pid)]));
}

/** What was used between two measurements. Connections that came meanwhile count in full. */
export function cpuBetween(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return [...after].reduce((sum, [pid, ms]) => sum + ms - (before.get(pid) ?? 0), 0);
}
