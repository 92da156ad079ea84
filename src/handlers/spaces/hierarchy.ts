import { forbidden, invalidParam, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { fitsId } from "../../rooms/ids";
import { getHierarchyPage, insertHierarchyPage } from "../../storage/hierarchyPages";
import type { App } from "../app";
import { isShutOut } from "../federation/access";
import type { Requester } from "../requester";
import type { Choice } from "./children";
import { childrenOf } from "./children";
import { localRooms, summaryOf } from "./localRooms";
import { mayPreview } from "./preview";
import type { SpacesApp, Walk, WalkRequest } from "./walk";
import { entryOf, walk, walkFrom } from "./walk";

export interface HierarchyRequest {
  readonly roomId: string;
  readonly choice: Choice;
  readonly maxDepth: number | undefined;
  readonly limit: number | undefined;
  readonly from: string | undefined;
}

const MAX_PAGE = 50;
/** Of a space's children, as other servers are told. */
const MAX_TOLD_CHILDREN = 50;
const PAGE_LIVES_MS = 10 * 60_000;
/** A tree takes many reads, here and maybe elsewhere. Synapse has no key for it either. */
const RATE = { per_second: 5, burst_count: 10 };

type HierarchyApp = SpacesApp & Pick<App, "clock" | "random" | "rateLimiter">;

/** `GET /rooms/{roomId}/hierarchy`. What is left is kept in the database, so that any process has the next page. */
export async function readHierarchy(app: HierarchyApp, requester: Requester, request: HierarchyRequest): Promise<JsonObject> {
  const { userId } = requester;
  app.rateLimiter.check("rc_message", `hierarchy ${userId}`, { override: RATE });
  const tree = await treeFor(app, requester, request, { userId });
  if (!tree) throw forbidden(`User ${userId} not in room ${request.roomId}, and room previews are disabled`);
  return tree;
}

/** A page of the tree; undefined where the reader may not know of its root. */
export async function treeFor(
  app: HierarchyApp,
  { userId }: Requester,
  request: HierarchyRequest,
  reader: WalkRequest["reader"],
): Promise<JsonObject | undefined> {
  const { roomId, choice, maxDepth, from } = request;
  if (!roomId.startsWith("!") || !fitsId(roomId)) throw invalidParam("Not a room id");
  const fixed = JSON.stringify([roomId, choice, maxDepth ?? null]);
  const start = from === undefined ? walkFrom(roomId) : await readPage(app, userId, from, fixed);
  const limit = Math.min(request.limit ?? MAX_PAGE, MAX_PAGE);
  const { rooms, rest } = await walk(app, start, { reader, choice, maxDepth, limit });
  if (from === undefined && rooms[0]?.["room_id"] !== roomId) return undefined;
  return { rooms, ...(rest && { next_batch: await writePage(app, userId, fixed, rest) }) };
}

async function readPage(app: HierarchyApp, userId: string, token: string, fixed: string): Promise<Walk> {
  const page = fitsId(token) ? await getHierarchyPage(app.db, token, userId, app.clock.now()) : undefined;
  if (!page) throw invalidParam("Unknown pagination token");
  if (page.request !== fixed) throw invalidParam("suggested_only and max_depth cannot change on paginated requests");
  return JSON.parse(page.rest) as Walk;
}

async function writePage(app: HierarchyApp, userId: string, request: string, rest: Walk): Promise<string> {
  const token = app.random.letters(24);
  await insertHierarchyPage(app.db, { token, userId, request, rest: JSON.stringify(rest), expiresTs: app.clock.now() + PAGE_LIVES_MS });
  return token;
}

/** A space and its children, as the users of another server may know of them (server-server API, "GET /hierarchy"). */
export async function tellHierarchy(
  app: SpacesApp & Pick<App, "serverName">,
  origin: string,
  roomId: string,
  choice: Choice,
): Promise<JsonObject> {
  const previewer = { server: origin };
  const space = (await localRooms(app, [roomId])).get(roomId);
  if (!space || (await isShutOut(app, space.room, origin)) || !(await mayPreview(app, space, previewer))) throw notFound("Unknown room");
  const children = space.face.roomType === "m.space" ? await childrenOf(app, space.room, choice) : [];
  const found = await localRooms(
    app,
    children.slice(0, MAX_TOLD_CHILDREN).map((child) => child.roomId),
  );
  const judged = await Promise.all([...found.values()].map(async (room) => ({ room, open: await mayPreview(app, room, previewer) })));
  return {
    room: entryOf(summaryOf(space), children),
    children: judged.filter(({ open }) => open).map(({ room }) => summaryOf(room)),
    inaccessible_children: judged.filter(({ open }) => !open).map(({ room }) => room.room.roomId),
  };
}
