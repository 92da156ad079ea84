import { forbidden, invalidParam } from "../../errors";
import type { JsonObject, JsonValue } from "../../lib/json";
import { isJsonObject } from "../../lib/json";
import { getRooms, setRoomPublic } from "../../storage/rooms";
import { addToNetwork, countPublicRooms, publicRooms, removeFromNetwork } from "../../storage/publicRooms";
import type { Directory, PageStart, PublicRoomRow } from "../../storage/publicRooms";
import type { App } from "../app";
import { askPublicRooms } from "../federation/remoteQueries";
import type { Requester } from "../requester";
import { currentLevels, requireRoom } from "./access";

const MAX_PAGE = 100;

export interface DirectoryRequest {
  readonly limit: number | undefined;
  readonly since: string | undefined;
  readonly search: string | undefined;
  readonly types: readonly (string | null)[] | undefined;
  /** Another server, whose directory is asked for. */
  readonly server: string | undefined;
  /** Another directory than the server's own. */
  readonly networks?: NetworkChoice;
}

/** Which networks of application services to list (client-server API, "Listing rooms"). */
export interface NetworkChoice {
  readonly all: boolean;
  readonly instanceId: string | undefined;
}

/** Reads `include_all_networks` and `third_party_instance_id`. */
export function networkChoice(all: JsonValue | undefined, instanceId: string | null | undefined): NetworkChoice {
  return { all: all === true || all === "true", instanceId: instanceId === null || instanceId === "" ? undefined : instanceId };
}

/** Instances are named as GET /thirdparty/protocols names them: "service|network". */
function directoryOf(networks: NetworkChoice | undefined): Directory {
  const instance = networks?.instanceId;
  if (instance === undefined) return networks?.all === true ? "all" : "own";
  if (networks?.all === true) throw invalidParam("third_party_instance_id cannot be used with include_all_networks");
  const bar = instance.indexOf("|");
  if (bar <= 0 || bar !== instance.lastIndexOf("|")) throw invalidParam("Invalid third party instance id");
  return { serviceId: instance.slice(0, bar), networkId: instance.slice(bar + 1) };
}

/** The room directory (client-server API, "Listing rooms"). Tokens name the room after or before which a page is, and the direction. */
export async function listPublicRooms(app: App, request: DirectoryRequest): Promise<JsonObject> {
  if (request.server !== undefined && request.server !== app.serverName) return askPublicRooms(app, request.server, request);
  if (!app.config.enable_room_list_search) return { chunk: [], total_room_count_estimate: 0 };
  const directory = directoryOf(request.networks);
  const limit = request.limit === undefined || request.limit <= 0 ? MAX_PAGE : Math.min(request.limit, MAX_PAGE);
  const start = request.since === undefined || request.since === "" ? undefined : parsePageToken(request.since);
  const [rows, total] = await Promise.all([
    publicRooms(app.db, { directory, limit: limit + 1, start, search: request.search, types: request.types }),
    countPublicRooms(app.db, directory),
  ]);
  const backward = start?.direction === "backward";
  const page = rows.slice(0, limit);
  const shown = backward ? page.reverse() : page;
  const [first, last] = [shown[0], shown.at(-1)];
  const hasMore = rows.length > limit;
  return {
    chunk: shown.map(entryOf),
    total_room_count_estimate: total,
    ...(last && (backward || hasMore) && { next_batch: pageToken(last, "forward") }),
    ...(first && (backward ? hasMore : start) && { prev_batch: pageToken(first, "backward") }),
  };
}

const BACKWARD = "b";

function pageToken({ joinedMembers, roomId }: PublicRoomRow, direction: PageStart["direction"]): string {
  const position = [joinedMembers, roomId, ...(direction === "backward" ? [BACKWARD] : [])];
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31;

function parsePageToken(token: string): PageStart {
  try {
    const [joinedMembers, roomId, mark] = JSON.parse(Buffer.from(token, "base64url").toString()) as unknown[];
    if (isCount(joinedMembers) && typeof roomId === "string" && !roomId.includes("\0")) {
      return { joinedMembers, roomId, direction: mark === BACKWARD ? "backward" : "forward" };
    }
  } catch {
    // Falls through: whatever it was, it is no token of ours.
  }
  throw invalidParam("Invalid since token");
}

function entryOf(row: PublicRoomRow): JsonObject {
  const optional: JsonObject = {
    name: row.name,
    topic: row.topic,
    canonical_alias: row.canonicalAlias,
    avatar_url: row.avatarUrl,
    room_type: row.roomType,
  };
  for (const key of Object.keys(optional)) if (optional[key] === null) delete optional[key];
  return {
    room_id: row.roomId,
    num_joined_members: row.joinedMembers,
    world_readable: row.historyVisibility === "world_readable",
    guest_can_join: row.guestAccess === "can_join",
    join_rule: row.joinRule ?? "invite",
    ...optional,
  };
}

/** Reads the `filter` of a directory search. */
export function directoryFilter(filter: JsonValue | undefined): Pick<DirectoryRequest, "search" | "types"> {
  if (!isJsonObject(filter)) return { search: undefined, types: undefined };
  const { generic_search_term: search, room_types: types } = filter;
  const valid = Array.isArray(types) && types.every((type) => type === null || typeof type === "string");
  return {
    search: typeof search === "string" && search !== "" ? search : undefined,
    types: valid ? (types as (string | null)[]) : undefined,
  };
}

export async function readVisibility(app: App, roomId: string): Promise<"public" | "private"> {
  const room = await requireRoom(app, roomId);
  return (await isPublished(app, room.roomId)) ? "public" : "private";
}

async function isPublished(app: App, roomId: string): Promise<boolean> {
  return (await getRooms(app.db, [roomId]))[0]?.isPublic ?? false;
}

/** Lists a room in the directory or takes it out: for who may set its canonical alias, and administrators. */
export async function publishRoom(app: App, requester: Requester, roomId: string, visibility: "public" | "private"): Promise<void> {
  const room = await requireRoom(app, roomId);
  const levels = await currentLevels(app, room);
  if (
    !requester.isAdmin &&
    !requester.appservice &&
    levels.userLevel(requester.userId) < levels.requiredFor("m.room.canonical_alias", "state")
  ) {
    throw forbidden("This server requires you to be a moderator in the room to edit its room list entry");
  }
  await setRoomPublic(app.db, room.nid, visibility === "public");
}

const MAX_NETWORK_ID = 255;

/** Lists a room in the directory of a network that the application service bridges, or takes it out. */
export async function listInNetwork(
  app: App,
  { appservice }: Requester,
  { networkId, roomId }: { readonly networkId: string; readonly roomId: string },
  visibility: "public" | "private",
): Promise<void> {
  if (!appservice) throw forbidden("Only appservices can edit the appservice published room list");
  if (networkId === "" || networkId.includes("|") || networkId.length > MAX_NETWORK_ID) throw invalidParam("Invalid network id");
  const { nid } = await requireRoom(app, roomId);
  await (visibility === "public" ? addToNetwork : removeFromNetwork)(app.db, appservice.id, networkId, nid);
}
