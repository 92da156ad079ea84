import type { StoredEvent } from "../../caches/events";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { heroesOfRooms, memberCounts } from "../../storage/memberships";
import type { App } from "../app";
import { groupBy } from "../../lib/groupBy";

const MAX_HEROES = 5;

export interface RoomSummary {
  readonly fields: JsonObject;
  /** Member events of the heroes, which the client needs to name the room. */
  readonly heroEvents: readonly number[];
}

/** `m.joined_member_count` and so on (client-server API, "RoomSummary"). Heroes where the room has neither name nor alias. */
export async function summariesOf(
  app: Pick<App, "caches" | "db" | "turns">,
  userId: string,
  roomNids: readonly number[],
): Promise<Map<number, RoomSummary>> {
  if (roomNids.length === 0) return new Map();
  const [counts, nameless] = await Promise.all([memberCounts(app.db, roomNids), namelessOf(app, roomNids)]);
  const heroes = await heroesOf(app, userId, nameless);
  const out = new Map<number, RoomSummary>();
  for (const { roomNid, joined, invited } of counts) {
    const chosen = heroes.get(roomNid) ?? [];
    const names = nameless.includes(roomNid) ? { "m.heroes": chosen.map((hero) => hero.userId) } : {};
    out.set(roomNid, {
      fields: { ...names, "m.joined_member_count": joined, "m.invited_member_count": invited },
      heroEvents: chosen.map((hero) => hero.eventNid),
    });
  }
  return out;
}

/** Who rooms without a name are called after: members, or where there are none those who left. */
export async function heroesOf(
  app: Pick<App, "db">,
  userId: string,
  roomNids: readonly number[],
): Promise<Map<number, readonly { readonly userId: string; readonly eventNid: number }[]>> {
  if (roomNids.length === 0) return new Map();
  const byRoom = groupBy(await heroesOfRooms(app.db, roomNids, userId), (hero) => hero.roomNid);
  return new Map(
    Array.from(byRoom, ([roomNid, heroes]) => {
      const here = heroes.filter(({ membership }) => membership === "join" || membership === "invite");
      return [roomNid, (here.length > 0 ? here : heroes).slice(0, MAX_HEROES)];
    }),
  );
}

async function namelessOf(app: Pick<App, "caches" | "turns">, roomNids: readonly number[]): Promise<number[]> {
  const states = await app.caches.roomState.currents(roomNids);
  const named = await app.turns.mapAsync(roomNids, async (nid) => {
    const current = states.get(nid);
    if (!current) return false;
    const [name, alias] = await app.caches.roomState.pick(current.state, [
      ["m.room.name", ""],
      ["m.room.canonical_alias", ""],
    ]);
    return hasText(name, "name") || hasText(alias, "alias");
  });
  return roomNids.filter((_, i) => !named[i]);
}

function hasText(event: StoredEvent | undefined, key: string): boolean {
  const value = event && own(event.shown.content, key);
  return typeof value === "string" && value !== "";
}
