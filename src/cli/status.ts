import { Command } from "commander";
import type { Cluster } from "../handlers/admin/cluster";
import type { Io } from "./io";
import { UserError } from "./io";
import { loadWithWarnings } from "./load";
import { addConfigOptions, type ConfigOptions } from "./options";

interface StatusOptions extends ConfigOptions {
  readonly json?: boolean;
}

/** Shows the processes of a server. Fails when there is no main process, so that scripts can ask too. */
export function statusCommand(io: Io): Command {
  return addConfigOptions(new Command("status"))
    .description("show the processes of a running server: what they stand for, how far behind they are, what waits")
    .option("--json", "print all there is to know as JSON")
    .action(async (options: StatusOptions) => {
      const { config } = loadWithWarnings(options, io);
      const { readClusterStatus } = await import("../server/clusterStatus");
      const cluster = await readClusterStatus(config);
      io.out(options.json === true ? `${JSON.stringify(cluster, undefined, 2)}\n` : formatCluster(cluster));
      const main = cluster.processes.find(({ name }) => name === "main");
      if (main === undefined || main.status === "away") throw new UserError("The main process is not running.");
    });
}

const sum = (numbers: Readonly<Record<string, number>> | undefined): number => Object.values(numbers ?? {}).reduce((a, b) => a + b, 0);

function ageOf(ms: number | undefined): string {
  if (ms === undefined) return "";
  const [minutes, hours] = [Math.floor(ms / 60_000), Math.floor(ms / 3_600_000)];
  return hours >= 48
    ? `${Math.floor(hours / 24)} d`
    : minutes >= 120
      ? `${hours} h`
      : minutes > 0
        ? `${minutes} min`
        : `${Math.floor(ms / 1_000)} s`;
}

/** Rows of cells as lines, each column as wide as it has to be. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

export function formatCluster({ server_name: serverName, processes, streams }: Cluster): string {
  const rows = processes.map((one) => [
    one.name,
    one.status,
    one.role ?? "",
    one.pid === undefined ? "" : String(one.pid),
    ageOf(one.uptime_ms),
    one.lag === undefined ? "" : String(sum(one.lag)),
    one.queues === undefined ? "" : String(sum(one.queues)),
    one.connections === undefined ? "" : String(one.connections["database"] ?? 0),
    one.stands_for.join(", "),
  ]);
  const heads = streams.map(({ name, position, writers }) => [
    name,
    position === undefined ? "in memory" : String(position),
    writers.join(", "),
  ]);
  return [
    `${serverName}\n\n`,
    table([["process", "status", "role", "pid", "up", "behind", "waiting", "db", "stands for"], ...rows]),
    "\n",
    table([["stream", "position", "writers"], ...heads]),
  ].join("");
}
