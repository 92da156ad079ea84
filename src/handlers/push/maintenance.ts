import { arrivalAt, deleteOldActions, roomsWithActions } from "../../storage/pushActions";
import { deleteOldUserClasses } from "../../storage/pushRules";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";

const KEPT_MS = 30 * 24 * 3_600_000;
/** However old they are: somebody may come back to a quiet room after a long time. */
const KEPT_EVENTS = 1_000;
const ROOMS_AT_ONCE = 200;

/**
 * Forgets what push rules made of events older than a month, but for the newest thousand of each room. To be run daily. This
 * bounds what unread counts have to add up.
 */
export async function forgetOldActions(app: Pick<App, "db" | "clock" | "streams">): Promise<void> {
  const before = await positionAtTime(app, app.clock.now() - KEPT_MS);
  if (before === 0) return;
  await deleteOldUserClasses(app.db, before);
  for (let after = 0; ;) {
    const rooms = await roomsWithActions(app.db, after, ROOMS_AT_ONCE);
    const last = rooms.at(-1);
    if (last === undefined) return;
    await deleteOldActions(app.db, rooms, before, KEPT_EVENTS);
    after = last;
  }
}

/** The first position whose event arrived at or after ts, by bisection: there is no index by arrival. */
async function positionAtTime(app: Pick<App, "db" | "streams">, ts: number): Promise<number> {
  let [low, high] = [0, app.streams.position(eventsStream) + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const arrived = await arrivalAt(app.db, middle);
    if (arrived === undefined || arrived >= ts) high = middle;
    else low = middle + 1;
  }
  return low;
}
