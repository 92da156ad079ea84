import { MatrixError, forbidden, invalidParam, notFound } from "../../errors";
import type { AppService } from "../../config/appservices";
import { own } from "../../lib/json";
import { domainOf, fitsId } from "../../rooms/ids";
import { aliasesOfRooms, deleteAlias, getAliases, insertAlias, moveAliases } from "../../storage/aliases";
import type { AliasRow } from "../../storage/aliases";
import type { Db } from "../../storage/db";
import { ALIASES_OF_ROOM } from "../../streams/caches";
import { changeRemembered } from "../../writers/cacheChanges";
import { sendEvent } from "./sendEvent";
import { sendIntent } from "../../writers/intents";
import type { App } from "../app";
import { provideAlias } from "../appservices/ask";
import { askAlias } from "../federation/remoteQueries";
import type { Requester } from "../requester";
import { currentEvent, currentLevels, findRoom, isJoined, requireRoom } from "./access";

function checkAliasForm(app: Pick<App, "serverName">, alias: string): void {
  if (!alias.startsWith("#") || !alias.includes(":")) throw invalidParam("Room alias invalid");
  if (!fitsId(alias) || /\s/.test(alias)) throw invalidParam("Invalid characters in room alias, or too long");
  if (domainOf(alias) !== app.serverName) throw invalidParam("Room alias must be local");
}

const ownsAlias = (service: AppService, alias: string): boolean => service.namespaces.aliases.some((namespace) => namespace.matches(alias));
const ownsAliasAlone = (service: AppService, alias: string): boolean =>
  service.namespaces.aliases.some((namespace) => namespace.exclusive && namespace.matches(alias));

/** 400 M_EXCLUSIVE where the alias belongs to an application service other than the requester's own. */
function checkNamespace(app: Pick<App, "config">, requester: Requester, alias: string): void {
  const { appservice } = requester;
  if (appservice) {
    if (!ownsAlias(appservice, alias))
      throw new MatrixError(400, "M_EXCLUSIVE", "This application service has not reserved this kind of alias.");
    return;
  }
  if (app.config.derived.appServices.some((service) => ownsAliasAlone(service, alias))) {
    throw new MatrixError(400, "M_EXCLUSIVE", "This alias is reserved by an application service.");
  }
}

type AliasApp = Pick<App, "db" | "streams">;

/** Changes aliases of rooms and, where anything changed, tells those who remember them. */
function changeAliases(app: AliasApp, roomIds: readonly string[], change: (tx: Db) => Promise<boolean>): Promise<boolean> {
  return changeRemembered(app, async (tx) => {
    const value = await change(tx);
    return { value, remembered: value ? roomIds.map((key) => ({ cache: ALIASES_OF_ROOM, key })) : [] };
  });
}

/** False where the alias points somewhere already. */
function addAlias(app: AliasApp, alias: string, roomId: string, creator: string): Promise<boolean> {
  return changeAliases(app, [roomId], (tx) => insertAlias(tx, { alias, roomId, creator }));
}

/** All aliases of a room point to its replacement from now on. */
export async function handOverAliases(app: AliasApp, from: string, to: string): Promise<void> {
  await changeAliases(app, [from, to], async (tx) => {
    await moveAliases(tx, from, to);
    return true;
  });
}

/** Points a new alias at a room. 400 M_ROOM_IN_USE (by createRoom) where it points somewhere already. */
export async function claimAlias(app: App, requester: Requester, alias: string, roomId: string): Promise<void> {
  checkAliasForm(app, alias);
  checkNamespace(app, requester, alias);
  if (!(await addAlias(app, alias, roomId, requester.userId))) {
    throw new MatrixError(400, "M_ROOM_IN_USE", "Room alias already taken");
  }
}

export async function releaseAlias(app: AliasApp, alias: string, roomId: string): Promise<void> {
  await changeAliases(app, [roomId], (tx) => deleteAlias(tx, alias));
}

/** `PUT /directory/room/{alias}`: 409 where the alias exists. */
export async function createAlias(app: App, requester: Requester, alias: string, roomId: string): Promise<void> {
  checkAliasForm(app, alias);
  checkNamespace(app, requester, alias);
  const room = await requireRoom(app, roomId);
  if (
    app.config.require_membership_for_aliases &&
    !requester.isAdmin &&
    !requester.appservice &&
    !(await isJoined(app, requester.userId, room))
  ) {
    throw forbidden("You must be in the room to create an alias for it");
  }
  if (!(await addAlias(app, alias, roomId, requester.userId))) {
    throw new MatrixError(409, "M_UNKNOWN", `Room alias ${alias} already exists`);
  }
}

export interface ResolvedAlias {
  readonly roomId: string;
  /** Servers through which the room can be joined, this one first where it can be. */
  readonly servers: string[];
}

/** Where an alias points; other servers are asked for theirs. 404 where it points nowhere. */
export async function resolveAlias(app: App, alias: string): Promise<ResolvedAlias> {
  if (!alias.startsWith("#") || domainOf(alias) === undefined) throw invalidParam("Room alias invalid");
  if (domainOf(alias) === app.serverName) return resolveOwnAlias(app, alias);
  const { roomId, servers } = await askAlias(app, alias);
  const known = await hostsIn(app, roomId);
  return { roomId, servers: distinct([...(known.includes(app.serverName) ? [app.serverName] : []), ...servers, ...known]) };
}

/** Application services make rooms for their aliases when somebody asks for them. */
async function findOwnAlias(app: App, alias: string): Promise<AliasRow | undefined> {
  const [known] = await getAliases(app.db, [alias]);
  if (known || !(await provideAlias(app, alias))) return known;
  return (await getAliases(app.db, [alias]))[0];
}

/** Where an alias of this server points. */
export async function resolveOwnAlias(app: App, alias: string): Promise<ResolvedAlias> {
  const row = await findOwnAlias(app, alias);
  if (!row) throw notFound(`Room alias ${alias} not found`);
  return { roomId: row.roomId, servers: distinct([app.serverName, ...(await hostsIn(app, row.roomId))]) };
}

async function hostsIn(app: App, roomId: string): Promise<string[]> {
  const room = await findRoom(app, roomId);
  return room ? [...(await app.caches.memberships.ofRoom(room.nid)).hosts.keys()] : [];
}

const distinct = (names: readonly string[]): string[] => [...new Set(names)];

/** Its creator, an administrator, or whoever may set the room's canonical alias can take an alias away. */
export async function removeAlias(app: App, requester: Requester, alias: string): Promise<void> {
  const [row] = await getAliases(app.db, [alias]);
  if (requester.appservice) checkNamespace(app, requester, alias);
  if (!row) throw notFound("Alias not found");
  if (!(await mayRemove(app, requester, row))) throw forbidden("You don't have permission to delete the alias.");
  await releaseAlias(app, alias, row.roomId);
  await forgetCanonical(app, requester, row.roomId, alias);
}

async function mayRemove(app: App, requester: Requester, row: { roomId: string; creator: string | null }): Promise<boolean> {
  if (requester.isAdmin || row.creator === requester.userId || requester.appservice) return true;
  const room = await findRoom(app, row.roomId);
  if (!room) return false;
  const levels = await currentLevels(app, room);
  return levels.userLevel(requester.userId) >= levels.requiredFor("m.room.canonical_alias", "state");
}

/** Takes a removed alias out of m.room.canonical_alias, if the remover may; that they may not is no error. */
async function forgetCanonical(app: App, requester: Requester, roomId: string, alias: string): Promise<void> {
  const room = await findRoom(app, roomId);
  const event = room && (await currentEvent(app, room, "m.room.canonical_alias"));
  if (!event) return;
  const content = { ...event.shown.content };
  const alternatives = own(content, "alt_aliases");
  const without = Array.isArray(alternatives) ? alternatives.filter((other) => other !== alias) : undefined;
  if (own(content, "alias") !== alias && without?.length === (alternatives as unknown[] | undefined)?.length) return;
  if (own(content, "alias") === alias) delete content["alias"];
  if (without) {
    if (without.length > 0) content["alt_aliases"] = without;
    else delete content["alt_aliases"];
  }
  await sendEvent(app, sendIntent({ roomId, sender: requester.userId, type: "m.room.canonical_alias", content }, { stateKey: "" })).catch(
    () => undefined,
  );
}

/** `GET /rooms/{roomId}/aliases`: for members, and for everybody where the history is world readable. */
export async function localAliases(app: App, requester: Requester, roomId: string): Promise<string[]> {
  const room = await requireRoom(app, roomId);
  if (!requester.isAdmin && !(await isJoined(app, requester.userId, room))) {
    const visibility = await currentEvent(app, room, "m.room.history_visibility");
    if (own(visibility?.shown.content ?? {}, "history_visibility") !== "world_readable")
      throw forbidden("You are not a member of the room");
  }
  return (await aliasesOfRooms(app.db, [roomId])).map((row) => row.alias);
}
