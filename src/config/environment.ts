import type { LoadContext } from "./context";
import type { ConfigValues } from "./types.generated";

const CACHE_FACTOR = "SYNAPSE_CACHE_FACTOR";

/** Environment variables: cache factors win over the file, proxies are for files that give none. */
export function environmentOverrides(config: ConfigValues, context: LoadContext): ConfigValues {
  const env = context.environment;
  const caches = cacheFactors(config, context);
  const proxies = {
    http_proxy: config.http_proxy ?? env["http_proxy"],
    https_proxy: config.https_proxy ?? env["https_proxy"] ?? env["HTTPS_PROXY"],
    no_proxy_hosts:
      config.no_proxy_hosts ??
      (env["no_proxy"] ?? env["NO_PROXY"])
        ?.split(",")
        .map((host) => host.trim())
        .filter((host) => host !== ""),
  };
  const given = Object.fromEntries(Object.entries(proxies).filter(([, value]) => value !== undefined && value.length > 0));
  return { ...config, ...given, caches };
}

function cacheFactors(config: ConfigValues, context: LoadContext): ConfigValues["caches"] {
  let globalFactor = config.caches.global_factor;
  const perCache: Record<string, number> = {};
  for (const [name, factor] of Object.entries(config.caches.per_cache_factors)) perCache[cacheName(name)] = factor;
  for (const [name, text] of Object.entries(context.environment)) {
    if (!name.startsWith(CACHE_FACTOR) || text === undefined || text === "") continue;
    const factor = Number(text);
    if (!Number.isFinite(factor) || factor < 0)
      context.problem({ key: "", found: `${name}=${text} in the environment`, wanted: "a number" });
    else if (name === CACHE_FACTOR) globalFactor = factor;
    else if (name.startsWith(`${CACHE_FACTOR}_`)) perCache[cacheName(name.slice(CACHE_FACTOR.length + 1))] = factor;
  }
  return { ...config.caches, global_factor: globalFactor, per_cache_factors: perCache };
}

/** Synapse compares names of caches without regard to case, asterisks and the like. */
function cacheName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9_]/g, "");
}
