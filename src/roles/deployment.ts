import type { ConfigProblem } from "../config/problems";
import { ANYBODY } from "../replication/leases";
import { isAt } from "./addresses";
import type { ProcessPlan } from "./plan";
import { allServices } from "./table";

/** Services that share their work among several instances, each with keys of its own. The others are for one at a time. */
const SHARDED: readonly string[] = ["federation_sender", "pusher"];

/** What is wrong between processes that each are right for themselves. */
export function checkDeployment(plans: readonly ProcessPlan[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const byName = new Map<string, ProcessPlan>();
  for (const plan of plans) {
    if (byName.has(plan.instanceName)) problems.push({ key: "worker_name", found: plan.instanceName, wanted: "a name for each process" });
    byName.set(plan.instanceName, plan);
  }
  for (const plan of plans) {
    for (const [duty, names] of Object.entries(plan.candidates)) {
      const nobody = names.filter((name) => name !== ANYBODY && !byName.has(name));
      if (nobody.length === names.length && nobody.length > 0)
        problems.push({ key: duty, found: nobody.join(", "), wanted: "a process of that name" });
    }
    problems.push(...addressProblems(plan, byName));
  }
  problems.push(...busProblems(plans));
  for (const service of allServices) {
    const owners = plans.filter(({ services }) => services.includes(service)).map(({ instanceName }) => instanceName);
    if (owners.length === 0) problems.push({ key: service, wanted: "a process that does it: it is switched off everywhere" });
    if (owners.length > 1 && !SHARDED.includes(service)) problems.push({ key: service, found: owners.join(", "), wanted: "one process" });
  }
  return unique(problems);
}

/** All must hear each other: by Redis, or through the main process. */
function busProblems(plans: readonly ProcessPlan[]): ConfigProblem[] {
  const hub = plans.find(({ bus }) => bus.kind === "hub");
  const ports = hub?.listeners.filter(({ listener }) => listener.type === "replication").map(({ listener }) => listener.port) ?? [];
  return plans.flatMap(({ bus, instanceName, role }): ConfigProblem[] => {
    if (role === "main") return [];
    if (bus.kind === "tcp" && !ports.includes(bus.port))
      return [
        { key: "worker_replication_port", found: instanceName, wanted: "the port of a listener of type replication of the main process" },
      ];
    if (bus.kind === "redis" && hub) return [{ key: "redis.enabled", found: instanceName, wanted: "true for all processes, or for none" }];
    return [];
  });
}

function addressProblems(plan: ProcessPlan, byName: ReadonlyMap<string, ProcessPlan>): ConfigProblem[] {
  return Object.entries(plan.addresses).flatMap(([name, address]) => {
    const target = byName.get(name);
    if (!target || target.listeners.some(({ listener, families }) => families.includes("replication") && isAt(listener, address)))
      return [];
    return [{ key: `instance_map.${name}`, wanted: "the address of a listener of that process with the resource replication" }];
  });
}

function unique(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}
