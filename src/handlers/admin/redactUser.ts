import { hostOf } from "../../caches/memberships";
import { MatrixError, notFound } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { getTask } from "../../storage/adminTasks";
import type { AdminTask } from "../../storage/adminTasks";
import { membershipsOfUsers } from "../../storage/memberships";
import { unredactedEventsOf } from "../../storage/sentEvents";
import type { App } from "../app";
import { requesterFor } from "../requester";
import type { Requester } from "../requester";
import { findRoom } from "../rooms/access";
import { redactEvent } from "../rooms/messages";
import { startTask } from "./startTask";
import { checkUserId } from "./targets";
import type { SaveProgress } from "./taskRunner";

export interface UserRedaction {
  readonly userId: string;
  /** Empty: all that the user is in or banned from. */
  readonly rooms: readonly string[];
  readonly reason: string | undefined;
  /** Of each room, so many events. */
  readonly limit: number;
  /** The administrator redacts, not the user in their own name. */
  readonly useAdmin: boolean;
  /** Times, ms. */
  readonly after: number | undefined;
  readonly before: number | undefined;
}

const SAVE_EVERY = 50;

/** Begins to redact what a user said; gives the id of the work. */
export async function startRedaction(app: App, requester: Requester, request: UserRedaction): Promise<string> {
  const { userId, reason, after, before } = request;
  checkUserId(userId);
  const rooms = request.rooms.length > 0 ? request.rooms : await roomsOf(app, userId);
  const isOwn = hostOf(userId) === app.serverName;
  return startTask(app, "redact_user", userId, {
    rooms: [...rooms],
    by: request.useAdmin || !isOwn ? requester.userId : userId,
    limit: request.limit,
    ...(reason !== undefined && { reason }),
    ...(after !== undefined && { after }),
    ...(before !== undefined && { before }),
  });
}

async function roomsOf(app: App, userId: string): Promise<string[]> {
  const places = await membershipsOfUsers(app.db, [userId]);
  return places.filter(({ membership }) => membership === "join" || membership === "ban").map(({ roomId }) => roomId);
}

const failedOf = ({ progress }: AdminTask): JsonObject => {
  const failed = own(progress, "failed");
  return isJsonObject(failed) ? failed : {};
};
const numberIn = (params: JsonObject, name: string): number | undefined => {
  const value = own(params, name);
  return typeof value === "number" ? value : undefined;
};

/** What was redacted is not found again, so whoever goes on has only to know what failed. */
export async function runRedaction(app: App, task: AdminTask, save: SaveProgress): Promise<void> {
  const { roomId: sender, params } = task;
  const failed: JsonObject = { ...failedOf(task) };
  const rooms = own(params, "rooms");
  // In the name of an administrator, as far as limits go.
  const requester = requesterFor(String(own(params, "by")), { ownLimit: { per_second: 0, burst_count: 0 } });
  const reason = own(params, "reason");
  const [after, before, limit = 0] = ["after", "before", "limit"].map((name) => numberIn(params, name));
  let done = 0;
  for (const roomId of Array.isArray(rooms) ? rooms.map(String) : []) {
    const room = await findRoom(app, roomId);
    if (!room) continue;
    for (const eventId of await unredactedEventsOf(app.db, { roomNid: room.nid, sender, after, before, limit })) {
      try {
        await redactEvent(app, requester, { roomId, eventId, reason: typeof reason === "string" ? reason : undefined });
      } catch (error) {
        if (!(error instanceof MatrixError) || error.status >= 500) throw error;
        failed[eventId] = error.message;
      }
      if (++done % SAVE_EVERY === 0) await save({ failed });
    }
  }
  await save({ failed });
}

/** `GET /user/redact_status/{id}`. */
export async function redactionStatus(app: Pick<App, "db">, id: string): Promise<JsonObject> {
  const task = await getTask(app.db, "redact_user", id);
  if (!task) throw notFound(`redact id '${id}' not found`);
  const { status, error } = task;
  if (status === "complete") return { status, failed_redactions: failedOf(task) };
  return { status, ...(status === "failed" && error !== null && { error }) };
}
