import { Command } from "commander";
import type { Io } from "./io";

interface RoutesOptions {
  readonly json?: boolean;
}

/** A route at one of its paths, for people and scripts that set up a proxy of their own. */
interface RouteRow {
  readonly method: string;
  readonly path: string;
  readonly group: string;
  readonly servlet: string;
  /** How a reverse proxy should treat it; null: it should not pass it on. */
  readonly class: string | null;
  readonly affinity: string | null;
}

export function routesCommand(io: Io): Command {
  return new Command("routes")
    .description("print every route of the server, and what a reverse proxy should spread it by")
    .option("--json", "as JSON")
    .action(async ({ json }: RoutesOptions) => {
      const rows = await routeRows();
      io.out(json ? `${JSON.stringify(rows, undefined, 2)}\n` : rows.map(asLine).join(""));
    });
}

async function routeRows(): Promise<RouteRow[]> {
  const { allGroups } = await import("../rest/registry");
  const { compileRoutes } = await import("../rest/router");
  const { classOf } = await import("../roles/proxy/requestClasses");
  return compileRoutes(allGroups).compiled.map((compiled) => {
    const { route, pattern, group } = compiled;
    const of = classOf(compiled);
    return {
      method: route.method,
      path: pattern,
      group,
      servlet: route.definition.servlet,
      class: of?.name ?? null,
      affinity: of?.affinity ?? null,
    };
  });
}

const asLine = ({ method, path, group, class: name, affinity }: RouteRow): string =>
  `${method.padEnd(6)} ${path}\t${group}\t${name ?? "-"}\t${affinity ?? "-"}\n`;
