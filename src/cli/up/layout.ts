import type { Config } from "../../config/config";
import type { Listener } from "../../config/types.generated";

/** What stands beside the operator's files, as top-level keys of more files. */
export interface Layout {
  /** Laid over the configuration, for all processes. */
  readonly shared: Readonly<Record<string, unknown>>;
  readonly workers: readonly { readonly name: string; readonly values: Readonly<Record<string, unknown>> }[];
  /** The listener of the main process that the router has in its place; undefined where clients have none. */
  readonly front: Listener | undefined;
}

export interface LayoutOptions {
  /** Those that may run, also if some of them don't yet. */
  readonly workers: number;
  /** Where sockets go. */
  readonly directory: string;
  /** The socket of a Redis that is started beside; undefined where the configuration has one. */
  readonly redisPath: string | undefined;
}

/** Streams that the workers share among them. */
const SHARED_STREAMS = ["events", "typing", "to_device", "account_data", "receipts", "presence"] as const;

const worker = (i: number): string => `worker${i + 1}`;

function socket(path: string, resources: Listener["resources"] | readonly { readonly names: readonly string[] }[]): object {
  return { type: "http", path, mode: 0o600, resources };
}

/** The first listener that clients come to. */
function frontOf({ derived }: Config): Listener | undefined {
  return derived.listeners.find(({ type, resources }) => type === "http" && resources.some(({ names }) => names.includes("client")));
}

/**
 * Spreads a server over a main process and workers on this machine, which reach each other by sockets in a directory. `raw` holds the
 * top-level keys of the operator's files: what those say about who does what is left alone.
 */
export function layOut(config: Config, raw: Readonly<Record<string, unknown>>, options: LayoutOptions): Layout {
  const { directory, redisPath } = options;
  const names = Array.from({ length: options.workers }, (_, i) => worker(i));
  if (names.length === 0) return { shared: {}, workers: [], front: undefined };
  const at = (name: string, what: string): string => `${directory}/${name}.${what}`;
  const front = frontOf(config);
  const given = Array.isArray(raw["listeners"])
    ? (raw["listeners"] as readonly Pick<Listener, "port" | "path">[])
    : config.derived.listeners;
  const kept = given.filter(({ port, path }) => front === undefined || port !== front.port || path !== front.path);
  const resources = front?.resources ?? [{ names: ["client"] }];
  const replication = (name: string): object => socket(at(name, "replication"), [{ names: ["replication"] }]);
  const listeners = [...kept, ...(front ? [socket(at("main", "http"), resources)] : []), replication("main")];
  const unlessGiven = (key: string, value: unknown): object => (raw[key] === undefined ? { [key]: value } : {});
  return {
    shared: {
      listeners,
      instance_map: Object.fromEntries(["main", ...names].map((name) => [name, { path: at(name, "replication") }])),
      ...unlessGiven("stream_writers", Object.fromEntries(SHARED_STREAMS.map((stream) => [stream, names]))),
      ...(raw["send_federation"] === undefined && unlessGiven("federation_sender_instances", names)),
      ...(raw["start_pushers"] === undefined && unlessGiven("pusher_instances", names)),
      ...(redisPath !== undefined && { redis: { enabled: true, path: redisPath } }),
    },
    workers: names.map((name) => ({
      name,
      values: {
        worker_app: "synapse.app.generic_worker",
        worker_name: name,
        worker_listeners: [socket(at(name, "http"), resources), replication(name)],
      },
    })),
    front,
  };
}
