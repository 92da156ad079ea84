import { notFound } from "../../errors";
import { consumerName, slotOf } from "../../remote/senderSlots";
import { knownDestinations, roomsOfDestination } from "../../storage/adminDestinations";
import type { KnownDestination } from "../../storage/adminDestinations";
import { clearRetryState } from "../../storage/destinations";
import { consumerPositions } from "../../storage/streamConsumers";
import { eventsStream } from "../../streams/events";
import { wakeDestination } from "../../writers/wakeDestination";
import type { App } from "../app";
import { refuse } from "./targets";
import { nextPage } from "./nextPage";

/** A server as administrators see it. Times are in ms, 0 and null for those that answer. */
interface ShownDestination {
  readonly destination: string;
  readonly retry_last_ts: number;
  readonly retry_interval: number;
  readonly failure_ts: number | null;
  /** All events up to here it has had; null for servers to which nothing was to be sent. */
  readonly last_successful_stream_ordering: number | null;
}

export interface DestinationPage {
  readonly from: number;
  readonly limit: number;
  readonly orderBy: keyof ShownDestination;
  readonly dir: "f" | "b";
}

type ReadApp = Pick<App, "db">;

async function shown(app: ReadApp, destinations: readonly KnownDestination[]): Promise<ShownDestination[]> {
  const nameOf = (destination: string): string => consumerName(slotOf(destination));
  const names = [...new Set(destinations.map(({ destination }) => nameOf(destination)))];
  const positions = new Map(
    (await consumerPositions(app.db, names))
      .filter(({ stream }) => stream === eventsStream.name)
      .map(({ name, position }) => [name, position]),
  );
  return destinations.map(({ destination, failingSince, retryLastTs, retryInterval, missedAfter }) => ({
    destination,
    retry_last_ts: retryLastTs,
    retry_interval: retryInterval,
    failure_ts: failingSince,
    last_successful_stream_ordering: missedAfter ?? positions.get(nameOf(destination)) ?? null,
  }));
}

const compare = (a: string | number | null, b: string | number | null): number => {
  if (a === b) return 0;
  if (a === null) return -1;
  return b === null || a > b ? 1 : -1;
};

/** `GET /federation/destinations`. */
export async function readDestinations(app: ReadApp, name: string | undefined, page: DestinationPage) {
  const { from, limit, orderBy, dir } = page;
  const all = await shown(app, await knownDestinations(app.db, name, "part"));
  const sign = dir === "f" ? 1 : -1;
  const destinations = all.sort((a, b) => sign * compare(a[orderBy], b[orderBy])).slice(from, from + limit);
  return { destinations, total: all.length, ...nextPage(page, destinations.length, all.length, String) };
}

async function requireDestination(app: ReadApp, name: string): Promise<ShownDestination> {
  const [destination] = await shown(app, await knownDestinations(app.db, name, "exactly"));
  if (!destination) throw notFound("Unknown destination");
  return destination;
}

/** `GET /federation/destinations/{destination}`. */
export const readDestination = requireDestination;

/** `GET /federation/destinations/{destination}/rooms`. */
export async function readRoomsOfDestination(app: ReadApp, name: string, page: Parameters<typeof roomsOfDestination>[2]) {
  await requireDestination(app, name);
  const { rooms, total } = await roomsOfDestination(app.db, name, page);
  return { rooms, total, ...nextPage(page, rooms.length, total, String) };
}

/** `POST /federation/destinations/{destination}/reset_connection`: what waits for the server is sent now. 400 where it answers. */
export async function resetConnection(app: Pick<App, "db" | "federation" | "rpc">, name: string): Promise<void> {
  const { failure_ts: failing, retry_interval: interval } = await requireDestination(app, name);
  if (failing === null && interval === 0) throw refuse("The retry timing does not need to be reset for this destination.");
  await clearRetryState(app.db, name);
  app.federation.backoff.back(name);
  await app.rpc.call(wakeDestination, name);
}
