import { forbidden, invalidParam } from "../errors";
import { isJsonObject, own } from "../lib/json";
import type { JsonObject } from "../lib/json";
import { accountDataOfRooms, getAccountData } from "../storage/accountData";
import { changeAccountData } from "../writers/accountData";
import { checkRoomId } from "./accountData";
import type { App } from "./app";
import type { Requester } from "./requester";

export interface TagTarget {
  readonly userId: string;
  readonly roomId: string;
}

const MAX_TAG_BYTES = 255;

function checkTarget(requester: Requester, { userId, roomId }: TagTarget, message: string): void {
  if (userId !== requester.userId) throw forbidden(message);
  checkRoomId(roomId);
}

/** Tag name -> content, such as `{"order": 0.5}`. */
export async function readTags(app: Pick<App, "db">, requester: Requester, target: TagTarget): Promise<JsonObject> {
  checkTarget(requester, target, "Cannot get tags for other users.");
  const [found] = await getAccountData(app.db, [{ ...target, type: "m.tag" }]);
  const content: unknown = found && JSON.parse(found.content);
  const tags = isJsonObject(content) ? own(content, "tags") : undefined;
  return isJsonObject(tags) ? tags : {};
}

export async function setTag(
  app: Pick<App, "rpc">,
  requester: Requester,
  target: TagTarget & { tag: string },
  content: JsonObject,
): Promise<void> {
  checkTarget(requester, target, "Cannot add tags for other users.");
  if (Buffer.byteLength(target.tag) > MAX_TAG_BYTES) throw invalidParam("The name of a tag must not exceed 255 bytes");
  const { userId, roomId, tag } = target;
  await app.rpc.call(changeAccountData, { kind: "tag", userId, roomId, tag, content });
}

export async function removeTag(app: Pick<App, "rpc">, requester: Requester, target: TagTarget & { tag: string }): Promise<void> {
  checkTarget(requester, target, "Cannot remove tags for other users.");
  const { userId, roomId, tag } = target;
  await app.rpc.call(changeAccountData, { kind: "tag", userId, roomId, tag, content: null });
}

/** What follows a user from a room to the one that replaces it: tags, and the mark of a direct chat (m.direct). */
export async function carryOverAccountData(
  app: Pick<App, "db" | "rpc">,
  userId: string,
  oldRoomId: string,
  newRoomId: string,
): Promise<void> {
  const [[direct], inRoom] = await Promise.all([
    getAccountData(app.db, [{ userId, roomId: "", type: "m.direct" }]),
    accountDataOfRooms(app.db, userId, [oldRoomId]),
  ]);
  const tags = inRoom.find((row) => row.type === "m.tag");
  if (tags) await app.rpc.call(changeAccountData, { kind: "set", userId, roomId: newRoomId, type: "m.tag", content: tags.content });
  const moved = direct && withRoom(JSON.parse(direct.content), oldRoomId, newRoomId);
  if (moved) await app.rpc.call(changeAccountData, { kind: "set", userId, roomId: "", type: "m.direct", content: JSON.stringify(moved) });
}

/** m.direct with the new room beside the old one; undefined where the old one is not in it. */
function withRoom(content: unknown, oldRoomId: string, newRoomId: string): JsonObject | undefined {
  if (!isJsonObject(content)) return undefined;
  let found = false;
  const entries = Object.entries(content).map(([userId, rooms]) => {
    if (!Array.isArray(rooms) || !rooms.includes(oldRoomId) || rooms.includes(newRoomId)) return [userId, rooms] as const;
    found = true;
    return [userId, [...rooms, newRoomId]] as const;
  });
  return found ? Object.fromEntries(entries) : undefined;
}
