import { createCache } from "../caches/cache";
import type { Cache } from "../caches/cache";
import { isJsonObject, own } from "../lib/json";
import { getAccountData, roomTagsOf } from "../storage/accountData";
import type { AccountDataChange } from "../storage/accountData";
import type { Db } from "../storage/db";

/** How users mark their rooms, out of their account data. */
export interface RoomMarks {
  /** Direct chats: all rooms in m.direct. */
  readonly direct: Cache<string, ReadonlySet<string>>;
  /** Room id -> tags. */
  readonly tags: Cache<string, ReadonlyMap<string, ReadonlySet<string>>>;
  /** To be told of each row of the stream account_data. */
  apply(row: AccountDataChange["row"]): void;
}

/** max: how many users are remembered. */
export function createRoomMarks(db: Db, max: number): RoomMarks {
  const direct = createCache<string, ReadonlySet<string>>({
    name: "direct_rooms",
    max,
    load: async (userIds) => {
      const rows = await getAccountData(
        db,
        userIds.map((userId) => ({ userId, roomId: "", type: "m.direct" })),
      );
      const found = new Map(rows.map(({ userId, content }) => [userId, directRoomsIn(content)]));
      return userIds.map((userId) => [userId, found.get(userId) ?? new Set<string>()] as const);
    },
  });
  const tags = createCache<string, ReadonlyMap<string, ReadonlySet<string>>>({
    name: "room_tags",
    max,
    load: async (userIds) => {
      const found = new Map(userIds.map((userId) => [userId, new Map<string, ReadonlySet<string>>()]));
      for (const { userId, roomId, content } of await roomTagsOf(db, userIds)) found.get(userId)?.set(roomId, tagsIn(content));
      return found;
    },
  });
  return {
    direct,
    tags,
    apply({ userId, roomId, type }) {
      if (type === "m.direct" && roomId === null) direct.delete(userId);
      if (type === "m.tag" && roomId !== null) tags.delete(userId);
    },
  };
}

function directRoomsIn(content: string): ReadonlySet<string> {
  const parsed: unknown = JSON.parse(content);
  const lists = isJsonObject(parsed) ? Object.values(parsed) : [];
  return new Set(lists.flatMap((rooms) => (Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [])));
}

function tagsIn(content: string): ReadonlySet<string> {
  const parsed: unknown = JSON.parse(content);
  const tags = isJsonObject(parsed) ? own(parsed, "tags") : undefined;
  return new Set(isJsonObject(tags) ? Object.keys(tags) : []);
}
