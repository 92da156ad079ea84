import type { IncomingMessage } from "node:http";
import { rendezvous } from "../../replication/rendezvous";
import { allGroups } from "../../rest/registry";
import { compileRoutes } from "../../rest/router";
import type { ProxyModel, ProxyRule } from "../../roles/proxy/proxyModel";
import { classOf } from "../../roles/proxy/requestClasses";
import type { Target } from "./target";

/** Gives the target for a request, another one than those that were tried; undefined where none is left. */
export type Choose = (request: Wanted, tried: ReadonlySet<Target>) => Target | undefined;

export interface Wanted {
  readonly method: string;
  /** With its query, still percent-encoded. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** The client's address. */
  readonly source: string;
}

/** Only who has synced before says since when, by one of three names. */
const HAS_SYNCED = /[?&](since|from|pos)=/;
const TOKEN = /[?&]access_token=([^&]*)/;
const METHODS = ["GET", "PUT", "POST", "DELETE"];

const pathOf = (url: string): string => url.split("?", 1)[0] ?? url;

interface Found {
  readonly rule: ProxyRule | undefined;
  readonly segments: readonly string[];
}

/** Finds rules by paths: questions about methods go where the requests themselves do. */
function createLookup({ rules }: ProxyModel): (method: string, path: string) => Found | undefined {
  const router = compileRoutes(allGroups);
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  const ofRoute = new Map(router.compiled.map((route) => [route, byName.get(classOf(route)?.name ?? "")]));
  return (method, path) => {
    for (const one of [method, ...METHODS]) {
      const match = router.match(one, path);
      if (match.kind === "found") return { rule: ofRoute.get(match.compiled), segments: match.segments };
      if (match.kind === "unknown") return undefined;
    }
    return undefined;
  };
}

/** What of a request decides which process has it; undefined: the one with the least to do. */
function keyOf({ affinity, name }: ProxyRule, { url, headers, source }: Wanted, segments: readonly string[]): string | undefined {
  if (affinity === "source") return source;
  if (affinity === "room") return segments[segments.indexOf("rooms") + 1];
  if (affinity === "none" || (name === "sync" && !HAS_SYNCED.test(url))) return undefined;
  return headers.authorization ?? TOKEN.exec(url)?.[1] ?? "";
}

/** Chooses as proxies do that are set up by `proxy-config`: by the table of routes, and among those that are there. */
export function createChoose(model: ProxyModel, targets: ReadonlyMap<string, Target>): Choose {
  const lookup = createLookup(model);
  const all = [...targets.values()];
  const pools = new Map(model.rules.map((rule) => [rule, rule.targets.flatMap(({ name }) => targets.get(name) ?? [])]));
  const main = all.filter(({ name }) => name === model.main.name);
  return (wanted, tried) => {
    const left = (some: readonly Target[]): Target[] => some.filter((target) => target.isUp && !tried.has(target));
    const found = lookup(wanted.method, pathOf(wanted.url));
    const pool = left((found?.rule && pools.get(found.rule)) ?? main);
    const key = found?.rule && keyOf(found.rule, wanted, found.segments);
    if (key === undefined) return leastBusy(pool) ?? leastBusy(left(all));
    const name = rendezvous(
      pool.map((target) => target.name),
      key,
    );
    // Any process answers any request.
    return pool.find((target) => target.name === name) ?? leastBusy(left(all));
  };
}

const leastBusy = (some: readonly Target[]): Target | undefined =>
  some.reduce<Target | undefined>((best, one) => (best && best.load <= one.load ? best : one), undefined);
