import { formatProblem } from "../config/problems";
import type { ConfigProblem } from "../config/problems";
import type { PlannedListener, PlanResult } from "./plan";

function addressOf({ listener }: PlannedListener): string {
  if (listener.path !== undefined) return `unix socket ${listener.path}`;
  const hosts = listener.bind_addresses.map((address) => (address.includes(":") ? `[${address}]` : address));
  return `${hosts.join(", ")} port ${listener.port ?? 0}${listener.tls ? " with TLS" : ""}`;
}

function servedBy({ listener, families }: PlannedListener): string {
  if (listener.type === "manhole") return "manhole";
  return listener.type === "replication" ? "workers without Redis" : listed(families);
}

const listed = (items: readonly string[]): string => (items.length === 0 ? "nothing" : items.join(", "));

function problemLines(title: string, problems: readonly ConfigProblem[]): string[] {
  return problems.length === 0 ? [] : ["", `${title}:`, ...problems.map((problem) => `  ${formatProblem(problem)}`)];
}

/** The plan in words, for `synapse-ts plan`. */
export function formatPlan({ plan, errors, warnings }: PlanResult): string {
  const { instanceName, role, bus, listeners, services, writes, candidates } = plan;
  const shared = Object.entries(candidates).filter(
    ([name, names]) => names.length > 1 && (writes.includes(name) || services.some((service) => service === name)),
  );
  return [
    `process   ${instanceName}${role === instanceName ? "" : ` (${role})`}${bus.kind === "none" ? ", alone" : ""}`,
    ...listeners.map((planned) => `listens   ${addressOf(planned)}: ${servedBy(planned)}`),
    `writes    ${listed(writes)}`,
    `runs      ${listed(services)}`,
    ...shared.map(([name, names]) => `shares    ${name} with ${names.filter((other) => other !== instanceName).join(", ")}`),
    ...problemLines("Warnings", warnings),
    ...problemLines("Errors", errors),
  ].join("\n");
}
