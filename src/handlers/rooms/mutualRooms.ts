import { invalidParam } from "../../errors";
import { fitsId, isUserId } from "../../rooms/ids";
import type { App } from "../app";
import type { Requester } from "../requester";

const PAGE = 100;

export interface MutualRooms {
  readonly joined: readonly string[];
  readonly count: number;
  readonly next_batch?: string;
}

/** `GET /mutual_rooms`: rooms that both users are joined to, in the order of their ids. A token names the room after which a page starts. */
export async function readMutualRooms(
  app: Pick<App, "caches">,
  requester: Requester,
  userId: string,
  from: string | undefined,
): Promise<MutualRooms> {
  if (!isUserId(userId) || !fitsId(userId)) throw invalidParam("Not a user id");
  if (userId === requester.userId) throw invalidParam("You cannot request a list of shared rooms with yourself");
  const after = from === undefined ? "" : Buffer.from(from, "base64url").toString();
  if (from !== undefined && !after.startsWith("!")) throw invalidParam("Invalid batch token");
  const places = await app.caches.memberships.ofUsers([requester.userId, userId]);
  const theirs = places.get(userId);
  const all = [...(places.get(requester.userId)?.values() ?? [])]
    .filter((place) => place.membership === "join" && theirs?.get(place.roomNid)?.membership === "join")
    .map((place) => place.roomId)
    .sort();
  const rest = all.filter((roomId) => roomId > after);
  const last = rest.length > PAGE ? rest[PAGE - 1] : undefined;
  return {
    joined: rest.slice(0, PAGE),
    count: all.length,
    ...(last !== undefined && { next_batch: Buffer.from(last).toString("base64url") }),
  };
}
