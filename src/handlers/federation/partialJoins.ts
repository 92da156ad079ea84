import type { RoomInfo } from "../../caches/rooms";
import type { PartialRoom } from "../../storage/partialRooms";
import { getDevices } from "../../storage/devices";
import { partialRooms } from "../../storage/partialRooms";
import { changeAccounts } from "../../writers/accountChanges";
import { completePartialState } from "../../writers/partialRpc";
import type { App } from "../app";
import { areWeIn } from "./access";
import { fetchStateBefore } from "./gaps";

/** Fetches the members of rooms that were joined without them (MSC3902), on the process with the duty "background". */
export interface PartialJoins {
  /** There may be something to do. */
  wake(): void;
  /** A server that did not answer is back: rooms that it is in need not wait longer. */
  retry(host: string): void;
}

/** A state of a large room takes much memory while it is read. */
const MAX_RUNNING = 2;
/** Servers that are asked in one round, that by which we joined first. */
const MAX_SERVERS = 20;
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 3_600_000;

/** What is known of a room whose servers all failed. Forgotten with the process: then they are asked again at once. */
interface Pause {
  readonly until: number;
  readonly ms: number;
  readonly hosts: readonly string[];
}

export function createPartialJoins(appOf: () => App): PartialJoins {
  const running = new Set<number>();
  const pauses = new Map<number, Pause>();

  function wake(): void {
    const app = appOf();
    if (app.ownership.isMine("background")) app.background("partial_joins", () => startSome(app));
  }

  async function startSome(app: App): Promise<void> {
    const now = app.clock.now();
    for (const partial of await partialRooms(app.db, Number.MAX_SAFE_INTEGER)) {
      const { roomNid } = partial;
      if (running.size >= MAX_RUNNING) return;
      if (running.has(roomNid) || (pauses.get(roomNid)?.until ?? 0) > now) continue;
      running.add(roomNid);
      app.background("sync_partial_state_room", async () => {
        const isOver = await complete(app, partial).finally(() => running.delete(roomNid));
        if (isOver) pauses.delete(roomNid);
        else pauses.set(roomNid, longer(app, partial, pauses.get(roomNid)?.ms));
        wake();
      });
    }
  }

  return {
    wake,
    retry(host) {
      for (const [roomNid, { hosts }] of pauses) if (hosts.includes(host)) pauses.delete(roomNid);
      wake();
    },
  };
}

function longer({ clock, random }: Pick<App, "clock" | "random">, { hosts, joinedVia }: PartialRoom, before: number | undefined): Pause {
  const ms = Math.min(before === undefined ? FIRST_PAUSE_MS : before * 2, MAX_PAUSE_MS);
  return { ms, until: clock.now() + ms * (0.75 + random.fraction() / 2), hosts: [joinedVia, ...hosts] };
}

/** Asks one server after another for the state. False where none gave it. */
async function complete(app: App, partial: PartialRoom): Promise<boolean> {
  const log = app.log("synapse.handlers.federation");
  const room = (await app.caches.rooms.byNids([partial.roomNid])).get(partial.roomNid);
  const join = (await app.caches.events.byNids([partial.joinNid])).get(partial.joinNid);
  if (!room) return true;
  if (!join || !(await areWeIn(app, room))) {
    await completePartialState(app, { roomId: room.roomId, joinId: join?.row.eventId ?? "", state: [] });
    log.info("Nobody of this server is in a room any more whose state was to be fetched", { roomId: room.roomId });
    return true;
  }
  for (const host of serversToAsk(app, partial)) {
    if (!app.ownership.isMine("background")) return false;
    if (await completeFrom(app, room, join.row.eventId, host)) return true;
  }
  log.warn("No server gave the whole state of a room", { roomId: room.roomId });
  return false;
}

function serversToAsk({ random, serverName }: App, { joinedVia, hosts }: PartialRoom): string[] {
  const others = hosts.filter((host) => host !== joinedVia && host !== serverName);
  const shuffled = others.map((host) => ({ host, at: random.fraction() })).sort((a, b) => a.at - b.at);
  return [joinedVia, ...shuffled.slice(0, MAX_SERVERS - 1).map(({ host }) => host)];
}

async function completeFrom(app: App, room: RoomInfo, joinId: string, origin: string): Promise<boolean> {
  const log = app.log("synapse.handlers.federation");
  const { roomId } = room;
  try {
    const began = app.clock.monotonic();
    const { state } = await fetchStateBefore(app, { room, origin }, joinId);
    const report = await completePartialState(app, { roomId, joinId, state });
    if (report && report.unnamedHosts > 0) await tellOfDevices(app, room);
    const seconds = Math.round(app.clock.monotonic() - began) / 1_000;
    log.info("The state of a room is complete", { roomId, origin, stateEvents: state.length, seconds, ...report });
    return true;
  } catch (error) {
    // Whatever is wrong with what it says, another server may say something else.
    log.info("A server did not give the whole state of a room", { roomId, origin, error });
    return false;
  }
}

/** Servers that were not named when we joined did not hear what became of our users' devices since. */
async function tellOfDevices(app: App, room: RoomInfo): Promise<void> {
  const { local } = await app.caches.memberships.ofRoom(room.nid);
  const devices = await getDevices(app.db, [...local.keys()]);
  await changeAccounts(app, () =>
    Promise.resolve({ value: undefined, devices: devices.map(({ userId, deviceId }) => ({ userId, deviceId })) }),
  );
}
