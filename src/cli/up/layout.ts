import type { Config } from "../../config/config";

/** What stands beside the operator's files, as top-level keys of more files. */
export interface Layout {
  /** Laid over the configuration, for all processes. */
  readonly shared: Readonly<Record<string, unknown>>;
  readonly workers: readonly { readonly name: string; readonly values: Readonly<Record<string, unknown>> }[];
  /** Where the reverse proxy listens in the place of the main process; undefined where there is none. */
  readonly front: { readonly port: number; readonly addresses: readonly string[] } | undefined;
}

export interface LayoutOptions {
  readonly workers: number;
  /** Where sockets go. */
  readonly directory: string;
  readonly hasProxy: boolean;
  /** The socket of a Redis that is started beside; undefined where the configuration has one. */
  readonly redisPath: string | undefined;
}

/** Streams that the workers share among them. */
const SHARED_STREAMS = ["events", "typing", "to_device", "account_data", "receipts", "presence"] as const;

const worker = (i: number): string => `worker${i + 1}`;

function socket(path: string, ...names: readonly string[]): object {
  return { type: "http", path, mode: 0o600, resources: [{ names }] };
}

/** The listener that clients come to: a plain one, since certificates cannot be handed on. */
function frontOf({ derived }: Config) {
  return derived.listeners.find(
    ({ type, port, tls, resources }) =>
      type === "http" && port !== undefined && !tls && resources.some(({ names }) => names.includes("client")),
  );
}

/**
 * Spreads a server over a main process and workers on this machine, which reach each other by sockets in a directory. `raw` holds the
 * top-level keys of the operator's files: what those say about who does what is left alone.
 */
export function layOut(config: Config, raw: Readonly<Record<string, unknown>>, options: LayoutOptions): Layout {
  const { directory, hasProxy, redisPath } = options;
  const names = Array.from({ length: options.workers }, (_, i) => worker(i));
  if (names.length === 0) return { shared: {}, workers: [], front: undefined };
  const at = (name: string, what: string): string => `${directory}/${name}.${what}`;
  const front = hasProxy ? frontOf(config) : undefined;
  const given = Array.isArray(raw["listeners"]) ? (raw["listeners"] as readonly { readonly port?: number }[]) : config.derived.listeners;
  const kept = given.filter(({ port }) => front === undefined || port !== front.port);
  const resources = front?.resources.flatMap(({ names: all }) => all) ?? [];
  const listeners = [
    ...kept,
    ...(front ? [socket(at("main", "http"), ...resources)] : []),
    socket(at("main", "replication"), "replication"),
  ];
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
        worker_listeners: [socket(at(name, "http"), "client", "federation"), socket(at(name, "replication"), "replication")],
      },
    })),
    front: front && { port: front.port ?? 0, addresses: front.bind_addresses },
  };
}
