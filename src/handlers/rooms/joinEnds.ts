import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { roomsWithManyEnds } from "../../storage/rooms";
import { sendEvent } from "./sendEvent";
import { sendIntent } from "../../writers/intents";
import type { App } from "../app";
import { currentLevels } from "./access";

const TYPE = "org.matrix.dummy_event";
const ROOMS_AT_ONCE = 5;
/** Rooms in which nobody of this server may send such an event are left alone for so long. ms */
const PATIENCE_MS = 7 * 24 * 3_600_000;

/**
 * Ties rooms together that have many ends (`dummy_events_threshold`), by events of which clients and other servers hear nothing until
 * others follow them: every end costs a resolution of states with each event.
 */
export async function joinEnds(app: App): Promise<void> {
  const { loose } = app.inFlight;
  const now = app.clock.now();
  for (const [nid, since] of loose) if (now - since > PATIENCE_MS) loose.delete(nid);
  const found = await roomsWithManyEnds(app.db, app.config.dummy_events_threshold, [...loose.keys()], ROOMS_AT_ONCE);
  const rooms = await app.caches.rooms.byNids(found);
  for (const room of rooms.values()) if (!(await sendDummy(app, room))) loose.set(room.nid, now);
}

/** Whether somebody of this server could. */
async function sendDummy(app: App, room: RoomInfo): Promise<boolean> {
  const [levels, members] = await Promise.all([currentLevels(app, room), app.caches.memberships.ofRoom(room.nid)]);
  const needed = levels.requiredFor(TYPE, "message");
  const sender = [...members.local.keys()].find((userId) => levels.userLevel(userId) >= needed);
  if (sender === undefined) return false;
  try {
    await sendEvent(app, sendIntent({ roomId: room.roomId, sender, type: TYPE, content: {} }));
    return true;
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status >= 500) throw error;
    app.log("synapse.handlers.message").info("could not tie the ends of a room together", { roomId: room.roomId, error });
    return false;
  }
}
