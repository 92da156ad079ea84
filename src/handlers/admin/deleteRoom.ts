import { setTimeout as sleep } from "node:timers/promises";
import { hostOf } from "../../caches/memberships";
import { MatrixError, invalidParam, notFound } from "../../errors";
import { isUserId } from "../../rooms/ids";
import { getTask, tasksOfRoom } from "../../storage/adminTasks";
import type { AdminTask } from "../../storage/adminTasks";
import { blockRoom } from "../../storage/blockedRooms";
import { deleteSomeRows } from "../../storage/purgeRooms";
import { forgetRooms } from "../../writers/purgeRpc";
import type { App } from "../app";
import type { Requester } from "../requester";
import { checkRoomId } from "./blockRooms";
import { reportOf, shutDown, shutdownPart } from "./shutdownRoom";
import type { DeletionReport, ShutdownReport } from "./shutdownRoom";
import { startTask } from "./startTask";
import type { SaveProgress } from "./taskRunner";

export interface DeleteRequest {
  readonly roomId: string;
  /** Who makes the room to which users are moved; absent, they are moved nowhere. */
  readonly newRoomUserId: string | undefined;
  readonly roomName: string | undefined;
  readonly message: string | undefined;
  readonly block: boolean;
  /** Whether everything of it is deleted, in the end. */
  readonly purge: boolean;
  /** Even if somebody could not be made to leave. */
  readonly force: boolean;
  /** Whether its users are made to leave. */
  readonly evict: boolean;
}

const ROWS_AT_ONCE = 1000;
/** Clients and other servers are given so long to take the news of who left, which a purge deletes. */
const NEWS_MS = 1_000;
const POLL_MS = 100;
const MAX_POLL_MS = 2_000;

/**
 * Begins to shut a room down, and to delete it if asked; gives the id of the deletion. Of a room that is not known there is nothing to do, and
 * that is done.
 */
export async function startDelete(app: App, requester: Requester, request: DeleteRequest): Promise<string> {
  const { roomId, newRoomUserId } = request;
  checkRoomId(roomId);
  if (newRoomUserId !== undefined && (!isUserId(newRoomUserId) || hostOf(newRoomUserId) !== app.serverName)) {
    throw invalidParam(`User must be our own: ${newRoomUserId.slice(0, 300)}`);
  }
  if (request.block) await blockRoom(app.db, roomId, requester.userId);
  const { purge, force, evict } = request;
  return startTask(app, "delete_room", roomId, {
    purge,
    force,
    evict,
    ...(newRoomUserId !== undefined && { new_room_user_id: newRoomUserId }),
    ...(request.roomName !== undefined && { room_name: request.roomName }),
    ...(request.message !== undefined && { message: request.message }),
  });
}

export async function runDelete(app: App, task: AdminTask, save: SaveProgress): Promise<void> {
  const { roomId, params } = task;
  const room = await app.caches.rooms.byId(roomId);
  let report = reportOf(task.progress);
  if (room && params["evict"] === true && !report.isShut) {
    report = await shutDown(app, task, room, report, save);
    if (report.kicked.length > 0) await sleep(NEWS_MS, undefined, { ref: false });
  }
  if (params["purge"] !== true) return;
  const roomNid = report.roomNid ?? room?.nid;
  if (roomNid === undefined) return;
  // Nothing else will know the number once the room is forgotten.
  await save({ ...report, roomNid });
  if (room?.nid === roomNid) await app.rpc.call(forgetRooms, { roomId, force: params["force"] === true });
  while ((await deleteSomeRows(app.db, roomNid, roomId, ROWS_AT_ONCE)) > 0) await save({ ...report, roomNid });
}

/** As startDelete, and waits for the end of it. */
export async function deleteAndWait(app: App, requester: Requester, request: DeleteRequest): Promise<ShutdownReport> {
  const id = await startDelete(app, requester, request);
  for (let wait = POLL_MS; ; wait = Math.min(wait * 2, MAX_POLL_MS)) {
    await sleep(wait, undefined, { ref: false });
    const task = await getTask(app.db, "delete_room", id);
    if (task?.status === "failed") throw new MatrixError(400, "M_UNKNOWN", task.error ?? "It failed");
    if (!task || task.status === "complete") return shutdownPart(reportOf(task?.progress ?? {}));
  }
}

const shown = (task: AdminTask): DeletionReport => ({
  delete_id: task.id,
  room_id: task.roomId,
  status: task.status,
  ...(task.error !== null && { error: task.error }),
  shutdown_room: shutdownPart(reportOf(task.progress)),
});

/** `GET /rooms/{roomId}/delete_status`: those of the last day. */
export async function deletionsOf(app: Pick<App, "db">, roomId: string): Promise<DeletionReport[]> {
  checkRoomId(roomId);
  const tasks = await tasksOfRoom(app.db, "delete_room", roomId);
  if (tasks.length === 0) throw notFound(`No delete task for room_id '${roomId}' found`);
  return tasks.map(shown);
}

/** `GET /rooms/delete_status/{id}`. */
export async function deletion(app: Pick<App, "db">, id: string): Promise<DeletionReport> {
  const task = await getTask(app.db, "delete_room", id);
  if (!task) throw notFound(`delete id '${id}' not found`);
  return shown(task);
}
