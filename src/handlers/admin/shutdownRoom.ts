import type { RoomInfo } from "../../caches/rooms";
import type { JsonObject, JsonValue } from "../../lib/json";
import { aliasesOfRooms } from "../../storage/aliases";
import type { AdminTask } from "../../storage/adminTasks";
import { localUsersOf } from "../../storage/memberships";
import { sendEvent } from "../rooms/sendEvent";
import { sendIntent } from "../../writers/intents";
import type { App } from "../app";
import { requesterFor } from "../requester";
import { handOverAliases } from "../rooms/aliases";
import { createRoom } from "../rooms/createRoom";
import { changeMembership, forgetRoom } from "../rooms/membership";
import type { SaveProgress } from "./taskRunner";

const DEFAULT_NAME = "Content Violation Notification";
const DEFAULT_MESSAGE = "Sharing illegal content on this server is not permitted and rooms in violation will be blocked.";
/** Progress is noted after so many users. */
const USERS_AT_ONCE = 50;

/** What became of the users and aliases of a room. */
export interface ShutdownReport {
  readonly kicked_users: readonly string[];
  readonly failed_to_kick_users: readonly string[];
  readonly local_aliases: readonly string[];
  readonly new_room_id: string | null;
}

export interface DeletionReport {
  readonly delete_id: string;
  readonly room_id: string;
  readonly status: string;
  readonly error?: string;
  readonly shutdown_room: ShutdownReport;
}

/** How far a deletion has come: the progress of its task. */
export type DeletionProgress = {
  readonly kicked: string[];
  readonly failed: string[];
  readonly aliases: string[];
  readonly newRoomId?: string;
  readonly isShut: boolean;
  readonly roomNid?: number;
};

const idsOf = (value: JsonValue | undefined): string[] => (Array.isArray(value) ? value.filter((id) => typeof id === "string") : []);

export function reportOf(progress: JsonObject): DeletionProgress {
  const { newRoomId, roomNid } = progress;
  return {
    kicked: idsOf(progress["kicked"]),
    failed: idsOf(progress["failed"]),
    aliases: idsOf(progress["aliases"]),
    isShut: progress["isShut"] === true,
    ...(typeof newRoomId === "string" && { newRoomId }),
    ...(typeof roomNid === "number" && { roomNid }),
  };
}

export const shutdownPart = ({ kicked, failed, aliases, newRoomId }: DeletionProgress): ShutdownReport => ({
  kicked_users: kicked,
  failed_to_kick_users: failed,
  local_aliases: aliases,
  new_room_id: newRoomId ?? null,
});

/** Has all users of this server leave a room, and moves them and its aliases to a new one if asked. Users of other servers stay. */
export async function shutDown(
  app: App,
  { params }: AdminTask,
  room: RoomInfo,
  given: DeletionProgress,
  save: SaveProgress,
): Promise<DeletionProgress> {
  let report = given;
  const note = (change: Partial<DeletionProgress>): Promise<void> => save((report = { ...report, ...change }));
  const { new_room_user_id: host } = params;
  if (typeof host === "string" && report.newRoomId === undefined) await note({ newRoomId: await makeNewRoom(app, host, params) });
  const users = await localUsersOf(app.db, room.nid);
  const [kicked, failed] = [new Set(report.kicked), new Set(report.failed)];
  for (const [i, userId] of users.entries()) {
    const isOut = await evict(app, room, userId, report.newRoomId);
    failed.delete(userId);
    (isOut ? kicked : failed).add(userId);
    if (i % USERS_AT_ONCE === USERS_AT_ONCE - 1) await note({ kicked: [...kicked], failed: [...failed] });
  }
  const aliases = (await aliasesOfRooms(app.db, [room.roomId])).map(({ alias }) => alias);
  if (report.newRoomId !== undefined) await handOverAliases(app, room.roomId, report.newRoomId);
  await note({ kicked: [...kicked], failed: [...failed], aliases: [...new Set([...report.aliases, ...aliases])], isShut: true });
  return report;
}

/** A room in which only its maker may speak, and says why they are all there. */
async function makeNewRoom(app: App, host: string, params: JsonObject): Promise<string> {
  const { room_name: name, message } = params;
  const { roomId } = await createRoom(app, requesterFor(host), {
    preset: "public_chat",
    name: typeof name === "string" ? name : DEFAULT_NAME,
    powerLevelContentOverride: { users_default: -10 },
  });
  const content = { msgtype: "m.text", body: typeof message === "string" ? message : DEFAULT_MESSAGE };
  await sendEvent(app, sendIntent({ roomId, sender: host, type: "m.room.message", content }));
  return roomId;
}

/** Has a user leave in their own name, whoever has power in the room, and moves them to the new one. Whether that worked. */
async function evict(app: App, { roomId }: RoomInfo, target: string, newRoomId: string | undefined): Promise<boolean> {
  const requester = requesterFor(target);
  try {
    await changeMembership(app, requester, { roomId, target, action: "leave" });
    await forgetRoom(app, requester, roomId);
    if (newRoomId !== undefined) {
      await changeMembership(app, requester, { roomId: newRoomId, target, action: "join", exemptFromLimits: true });
    }
    return true;
  } catch (error) {
    app.log("synapse.handlers.room").warn(`Failed to move user ${target} out of room ${roomId}`, { error });
    return false;
  }
}
