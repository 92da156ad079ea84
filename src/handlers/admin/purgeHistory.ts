import { MatrixError, badJson, notFound } from "../../errors";
import type { RoomInfo } from "../../caches/rooms";
import { getTask } from "../../storage/adminTasks";
import type { AdminTask } from "../../storage/adminTasks";
import { deleteStateGroups, depthAtTime, unneededStateGroups } from "../../storage/purgeHistory";
import { purgeEvents } from "../../writers/purgeRpc";
import type { App } from "../app";
import { requireRoom } from "../rooms/access";
import { startTask } from "./startTask";
import type { SaveProgress } from "./taskRunner";

export interface HistoryPurge {
  readonly roomId: string;
  /** What came before this event goes. */
  readonly eventId: string | undefined;
  /** Or what came before this time. */
  readonly ts: number | undefined;
  readonly deleteLocal: boolean;
}

const GROUPS_AT_ONCE = 1000;

/**
 * Begins to purge old history of a room; gives the id of the purge. All state stays, as the newest event does; messages of our own
 * users leave the history but are kept unless asked otherwise, since nobody else may have them.
 */
export async function startPurge(app: App, { roomId, eventId, ts, deleteLocal }: HistoryPurge): Promise<string> {
  const room = await requireRoom(app, roomId);
  if (await app.caches.partialRooms.has(room.nid))
    throw new MatrixError(400, "M_UNKNOWN", "The members of the room are still being fetched");
  const before = await depthOf(app, room, eventId, ts);
  return startTask(app, "purge_history", roomId, { before, delete_local: deleteLocal });
}

async function depthOf(app: App, room: RoomInfo, eventId: string | undefined, ts: number | undefined): Promise<number> {
  if (eventId !== undefined) {
    const event = await app.caches.events.byId(eventId);
    if (!event) throw notFound(`Could not find event ${eventId}`);
    if (event.row.roomNid !== room.nid) throw new MatrixError(400, "M_UNKNOWN", "Event is for wrong room.");
    return event.row.depth;
  }
  if (ts === undefined) throw badJson("must specify purge_up_to_event_id or purge_up_to_ts");
  const depth = await depthAtTime(app.db, room.nid, ts);
  if (depth === undefined) throw notFound("there is no event to be purged");
  return depth;
}

/** Batch by batch: each takes its events out of the history, so whoever goes on has nothing to remember. */
export async function runPurge(app: App, { roomId, params, progress }: AdminTask, save: SaveProgress): Promise<void> {
  const request = { roomId, before: Number(params["before"]), deleteLocal: params["delete_local"] === true };
  let purged = Number(progress["purged"] ?? 0);
  for (;;) {
    const count = await app.rpc.call(purgeEvents, request);
    if (count === 0) break;
    purged += count;
    await save({ purged });
  }
  await dropUnneededGroups(app, roomId);
}

/**
 * After the last batch nothing in memory refers to a group that the database does not: the room's owner forgot what it knew when it
 * purged, and builds on what it has read since.
 */
async function dropUnneededGroups({ db, caches }: App, roomId: string): Promise<void> {
  const room = await caches.rooms.byId(roomId);
  const ids = room ? await unneededStateGroups(db, room.nid) : [];
  for (let at = 0; at < ids.length; at += GROUPS_AT_ONCE) await deleteStateGroups(db, ids.slice(at, at + GROUPS_AT_ONCE));
}

/** `GET /purge_history_status/{id}`. */
export async function purgeStatus(app: Pick<App, "db">, id: string): Promise<{ readonly status: string; readonly error?: string }> {
  const task = await getTask(app.db, "purge_history", id);
  if (!task) throw notFound(`purge id '${id}' not found`);
  // Clients wait as long as it is "active".
  return { status: task.status === "scheduled" ? "active" : task.status, ...(task.error !== null && { error: task.error }) };
}
