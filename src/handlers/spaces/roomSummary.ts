import { invalidParam, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { domainOf, fitsId } from "../../rooms/ids";
import type { App } from "../app";
import type { Requester } from "../requester";
import { resolveAlias } from "../rooms/aliases";
import { localRooms, summaryOf } from "./localRooms";
import { mayPreview, mayPreviewRemote } from "./preview";

/**
 * `GET /room_summary/{roomIdOrAlias}`: what a room shows of itself to who may come in. Who is not logged in learns of rooms that somebody
 * here is in and anybody may know of: nobody makes us ask other servers without a name.
 */
export async function readRoomSummary(
  app: App,
  requester: Requester | undefined,
  roomIdOrAlias: string,
  via: readonly string[],
): Promise<JsonObject> {
  const { roomId, servers } = await locate(app, roomIdOrAlias, via);
  const local = (await localRooms(app, [roomId])).get(roomId);
  const summary = local
    ? (await mayPreview(app, local, requester ?? "anybody")) && summaryOf(local)
    : requester && (await remoteSummary(app, requester.userId, roomId, servers));
  if (!summary) throw notFound("Room not found");
  if (!requester) return summary;
  const places = await app.caches.memberships.ofUser(requester.userId);
  const place = [...places.values()].find((candidate) => candidate.roomId === roomId);
  return { ...summary, membership: place?.membership ?? "leave" };
}

async function locate(app: App, roomIdOrAlias: string, via: readonly string[]): Promise<{ roomId: string; servers: readonly string[] }> {
  if (!fitsId(roomIdOrAlias)) throw invalidParam("Not a room id or alias");
  if (roomIdOrAlias.startsWith("!")) return { roomId: roomIdOrAlias, servers: [...via, domainOf(roomIdOrAlias) ?? ""] };
  if (!roomIdOrAlias.startsWith("#")) throw invalidParam("Not a room id or alias");
  return resolveAlias(app, roomIdOrAlias);
}

async function remoteSummary(app: App, userId: string, roomId: string, servers: readonly string[]): Promise<JsonObject | undefined> {
  const answer = await app.remoteRooms.ask(roomId, servers, "all");
  return answer && (await mayPreviewRemote(app, answer.summary, userId)) ? answer.summary : undefined;
}
