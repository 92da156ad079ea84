import { JsonText } from "../lib/jsonText";
import type { Turns } from "../lib/turns";
import type { Db } from "../storage/db";
import { membersOfRooms } from "../storage/memberships";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";
import type { RoomState } from "./roomState";

/** Who is joined to rooms, with names and avatars, as `GET /joined_members` says it: bots and bridges ask again and again. */
export interface JoinedMembers {
  readonly stats: CacheStats;
  of(roomNid: number): Promise<JsonText>;
  drop(roomNid: number): void;
}

interface Known {
  readonly text: JsonText;
  /** That of the room's state when it was read: another state, and it is read anew. */
  readonly position: number;
}

interface JoinedMembersDeps {
  readonly db: Db;
  readonly turns: Turns;
  readonly roomState: Pick<RoomState, "currents">;
}

export function createJoinedMembers({ db, turns, roomState }: JoinedMembersDeps, maxBytes: number): JoinedMembers {
  const cache = createCache<number, Known>({
    name: "joined_members",
    max: maxBytes,
    sizeOf: ({ text }) => 200 + text.text.length,
    load: async (nids) => {
      // Positions first: what is read may then be newer than they say, never older.
      const currents = await roomState.currents(nids);
      const joined = new Map(nids.map((nid): [number, string[]] => [nid, []]));
      await turns.map(await membersOfRooms(db, nids, "join"), ({ roomNid, userId, displayName, avatarUrl }) => {
        const shown = JSON.stringify({ display_name: displayName, avatar_url: avatarUrl });
        joined.get(roomNid)?.push(`${JSON.stringify(userId)}:${shown}`);
      });
      return Array.from(joined, ([nid, members]) => {
        return [nid, { text: new JsonText(`{${members.join(",")}}`), position: currents.get(nid)?.position ?? 0 }] as const;
      });
    },
  });
  return {
    stats: cache.stats,
    drop: (roomNid) => cache.delete(roomNid),
    async of(roomNid) {
      const position = (await roomState.currents([roomNid])).get(roomNid)?.position ?? 0;
      const known = cache.get(roomNid);
      if (known?.position === position) return known.text;
      cache.delete(roomNid);
      return (await cache.load(roomNid))?.text ?? new JsonText("{}");
    },
  };
}
