import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/config";
import { loadConfig } from "../../config/load";
import { mergeSources, readSources } from "../../config/sources";
import { proxyModel } from "../../roles/proxy/proxyModel";
import type { ProxyModel } from "../../roles/proxy/proxyModel";
import { plan } from "../../roles/plan";
import { filesAt } from "../deploymentFiles";
import type { Io } from "../io";
import { UserError } from "../io";
import { layOut } from "./layout";
import type { Layout } from "./layout";
import { accepts, answersFirst } from "./listening";
import { hasRedis, redisProgram, serverProgram } from "./programs";
import type { Program } from "./supervisor";

/** What is run. */
export interface Deployment {
  /** In the order in which they are started. */
  readonly programs: readonly Program[];
  /** The first so many of these, after them. */
  readonly workers: readonly Program[];
  readonly count: number;
  /** What stands in front of the processes; undefined where they have their own listeners, or the operator a reverse proxy. */
  readonly front: { readonly listener: NonNullable<Layout["front"]>; readonly model: () => ProxyModel } | undefined;
}

export interface Given {
  readonly config: Config;
  readonly files: readonly string[];
  readonly io: Io;
}

const alone = (programs: readonly Program[]): Deployment => ({ programs, workers: [], count: 0, front: undefined });

/** So many workers may run later without a restart of the others, who know them by name from the start. */
const MANY = 8;

/** A main process and workers that are laid out here, with their files in a directory. */
export function laidOut({ config, files, io }: Given, workers: number, directory: string): Deployment {
  const redisPath = config.redis.enabled || workers === 0 ? undefined : join(directory, "redis.sock");
  if (redisPath !== undefined && !hasRedis(io.environment))
    throw new UserError("Workers need Redis: install redis-server, or name a server under `redis` in the configuration.");
  const options = { workers: workers === 0 ? 0 : Math.max(workers, MANY), directory, redisPath };
  const layout = layOut(config, mergeSources(readSources(files).sources).raw, options);
  if (workers === 0) return alone([serverProgram("main", files, () => answersFirst(config))]);
  if (layout.front === undefined)
    io.err("Clients are served by the main process alone: there is no http listener for clients that could be shared.\n");
  io.out(`Files of this run: ${directory}\n`);
  const written = write(layout, files, directory);
  const isReady = (name: string, what: string) => () => accepts({ path: join(directory, `${name}.${what}`) });
  return {
    programs: [
      ...(redisPath === undefined ? [] : [redisProgram(io.environment, redisPath)]),
      serverProgram("main", written.files, isReady("main", "replication")),
    ],
    workers: written.workers.map(({ name, file }) => serverProgram(name, [...written.files, file], isReady(name, "http"))),
    count: workers,
    front: layout.front && { listener: layout.front, model: () => modelOf(written, io) },
  };
}

function modelOf({ files, workers }: Written, { environment }: Io): ProxyModel {
  const { config } = loadConfig(files, { environment });
  const plans = workers.map(({ file }) => plan(loadConfig([...files, file], { environment }).config).plan);
  return proxyModel(config, [plan(config).plan, ...plans]);
}

interface Written {
  readonly files: readonly string[];
  readonly workers: readonly { readonly name: string; readonly file: string }[];
}

/** JSON is YAML. */
function write({ shared, workers }: Layout, files: readonly string[], directory: string): Written {
  const file = (name: string, values: object): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(values, undefined, 2), { mode: 0o600 });
    return path;
  };
  return {
    files: [...files, file("shared.yaml", shared)],
    workers: workers.map(({ name, values }) => ({ name, file: file(`${name}.yaml`, values) })),
  };
}

/** Workers as the operator set them up: the reverse proxy is theirs too. */
export function operatorsOwn({ config, files, io }: Given, paths: readonly string[]): Deployment {
  const workers = paths.flatMap(filesAt).map((file) => {
    const { derived } = loadConfig([...files, file], { environment: io.environment }).config;
    return serverProgram(derived.instanceName, [...files, file]);
  });
  return alone([serverProgram(config.derived.instanceName, files), ...workers]);
}
