import type { Listener } from "../../config/types.generated";
import type { Clock } from "../../lib/clock";
import type { Neighbour } from "../../replication/forward";
import { rendezvous } from "../../replication/rendezvous";
import type { RollCall } from "../../replication/rollCall";
import type { InstanceAddress } from "../../replication/rpcTransport";
import type { Db } from "../../storage/db";
import { readLeases } from "../../storage/leases";

/** Where a process serves media, as it says itself. */
export interface MediaReport {
  readonly name: string;
  /** Of the machine or container. */
  readonly hostname: string;
  /** Empty where it has no media repository. */
  readonly media_listeners: readonly MediaListener[];
}

export type MediaListener = Pick<Listener, "bind_addresses" | "port" | "path">;

export interface Here {
  readonly hostname: string;
  /** Where `instance_map` says that processes are. */
  readonly addresses: Readonly<Record<string, InstanceAddress>>;
}

const isLoopback = (address: string): boolean => /^(127\.|::1$|localhost$)/.test(address);

/**
 * Where to reach the media repository of a process: on this machine at the address that it listens at; elsewhere at that, or where
 * it listens at all of its addresses, at the host that `instance_map` has for it, or else at its host's name. Undefined where it cannot be reached.
 */
export function mediaAddress({ name, hostname, media_listeners }: MediaReport, here: Here): InstanceAddress | undefined {
  const isHere = hostname === here.hostname;
  const mapped = here.addresses[name];
  const host = isHere ? undefined : mapped && "host" in mapped ? mapped.host : hostname;
  for (const { bind_addresses, port, path } of media_listeners) {
    if (path !== undefined && isHere) return { path };
    if (port === undefined) continue;
    for (const address of bind_addresses) {
      const isAll = ["", "0.0.0.0", "::"].includes(address);
      if (isAll) return { host: host ?? "127.0.0.1", port };
      if (isHere || !isLoopback(address)) return { host: address, port };
    }
  }
  return undefined;
}

/** The processes that serve media, as far as they are alive; `app.mediaProcesses`. */
export interface MediaProcesses {
  /** One for a key: always the same while the same are alive. Undefined where there is none. */
  find(key: string): Promise<Neighbour | undefined>;
  /** One could not be reached: they are asked for anew. */
  forget(): void;
}

export interface MediaProcessesDeps {
  readonly db: Db;
  readonly clock: Pick<Clock, "monotonic">;
  readonly rollCall: Pick<RollCall, "ask">;
  /** The name of this process. */
  readonly instance: string;
  readonly here: Here;
}

/** How long a process may take to answer. */
const ANSWER_MS = 1_000;
const REMEMBER_MS = 10_000;
/** Where none is there, one may have come meanwhile. */
const REMEMBER_NONE_MS = 500;

export function createMediaProcesses({ db, clock, rollCall, instance, here }: MediaProcessesDeps): MediaProcesses {
  let known: { readonly found: Promise<readonly Neighbour[]>; until: number } | undefined;
  /** Of those that answered, without an address where they have no media: also while Redis is away. */
  const told = new Map<string, InstanceAddress | undefined>();

  async function ask(): Promise<Neighbour[]> {
    const alive = new Set((await readLeases(db)).map(({ instance }) => instance));
    alive.delete(instance);
    for (const name of told.keys()) if (!alive.has(name)) told.delete(name);
    if (told.size < alive.size) {
      const reports = (await rollCall.ask(alive.size, ANSWER_MS)) as Partial<MediaReport>[];
      for (const { name = "", hostname = "", media_listeners = [] } of reports) {
        if (alive.has(name)) told.set(name, mediaAddress({ name, hostname, media_listeners }, here));
      }
    }
    return [...told].flatMap(([name, address]) => (address ? [{ name, address }] : []));
  }

  function look(): Promise<readonly Neighbour[]> {
    if (known && clock.monotonic() < known.until) return known.found;
    const found = ask();
    const looking = { found, until: Infinity };
    known = looking;
    found.then(
      ({ length }) => (looking.until = clock.monotonic() + (length > 0 ? REMEMBER_MS : REMEMBER_NONE_MS)),
      () => (looking.until = -Infinity),
    );
    return found;
  }

  return {
    async find(key) {
      const all = await look();
      const name = rendezvous(
        all.map((one) => one.name),
        key,
      );
      return all.find((one) => one.name === name);
    },
    forget() {
      known = undefined;
      told.clear();
    },
  };
}
