import { MatrixError, forbidden, invalidParam, notFound } from "../errors";
import type { JsonObject } from "../lib/json";
import { JsonText } from "../lib/jsonText";
import { fitsId } from "../rooms/ids";
import { accountDataBetween, accountDataOfRooms, allAccountData, getAccountData } from "../storage/accountData";
import type { AccountDataRow } from "../storage/accountData";
import { changeAccountData } from "../writers/accountData";
import type { App } from "./app";
import { pushRulesContent } from "./push/rules";
import type { Requester } from "./requester";

export interface AccountDataTarget {
  readonly userId: string;
  /** Absent: what belongs to no room. */
  readonly roomId?: string;
  readonly type: string;
}

/** Types that the server manages; clients have other endpoints for them (client-server API, "Client Config"). */
const managed: ReadonlySet<string> = new Set(["m.fully_read", "m.push_rules"]);

/** An event of account data as /sync shows it. */
export interface AccountDataEvent {
  readonly type: string;
  readonly content: JsonText;
}

export interface AccountDataEvents {
  readonly global: readonly AccountDataEvent[];
  readonly rooms: ReadonlyMap<string, readonly AccountDataEvent[]>;
}

function checkTarget(requester: Requester, { userId, roomId, type }: AccountDataTarget, verb: "add" | "get"): void {
  if (userId !== requester.userId) throw forbidden(`Cannot ${verb} account data for other users.`);
  if (roomId !== undefined) checkRoomId(roomId);
  if (!fitsId(type)) throw invalidParam("The type is too long");
}

/** 400 M_INVALID_PARAM unless it could be a room's id. */
export function checkRoomId(roomId: string): void {
  if (!roomId.startsWith("!") || !fitsId(roomId)) throw invalidParam(`${roomId.slice(0, 300)} is not a valid room ID`);
}

export async function setAccountData(
  app: Pick<App, "rpc">,
  requester: Requester,
  target: AccountDataTarget,
  content: JsonObject,
): Promise<void> {
  checkTarget(requester, target, "add");
  const { userId, roomId = "", type } = target;
  if (managed.has(type)) throw new MatrixError(405, "M_BAD_JSON", `Cannot set ${type} through this API.`);
  await app.rpc.call(changeAccountData, { kind: "set", userId, roomId, type, content: JSON.stringify(content) });
}

/** 404 M_NOT_FOUND where there is none. m.push_rules reads like account data, although it is kept elsewhere. */
export async function readAccountData(
  app: Pick<App, "db" | "config" | "push">,
  requester: Requester,
  target: AccountDataTarget,
): Promise<JsonText> {
  checkTarget(requester, target, "get");
  const { userId, roomId = "", type } = target;
  if (type === "m.push_rules" && roomId === "") return new JsonText(JSON.stringify(await pushRulesContent(app, userId)));
  const [found] = await getAccountData(app.db, [{ userId, roomId, type }]);
  if (!found || isDeleted(app, found)) throw notFound(roomId === "" ? "Account data not found" : "Room account data not found");
  return new JsonText(found.content);
}

/** MSC3391: to set an empty content is to delete. */
export async function deleteAccountData(app: Pick<App, "rpc">, requester: Requester, target: AccountDataTarget): Promise<void> {
  await setAccountData(app, requester, target, {});
}

function isDeleted(app: Pick<App, "config">, row: AccountDataRow): boolean {
  return row.content === "{}" && app.config.experimental_features.msc3391_enabled;
}

function eventsOf(rows: readonly AccountDataRow[]): AccountDataEvents {
  const global: AccountDataEvent[] = [];
  const rooms = new Map<string, AccountDataEvent[]>();
  for (const { roomId, type, content } of rows) {
    const event = { type, content: new JsonText(content) };
    if (roomId === "") global.push(event);
    else {
      const here = rooms.get(roomId);
      if (here) here.push(event);
      else rooms.set(roomId, [event]);
    }
  }
  return { global, rooms };
}

const nothing: AccountDataEvents = { global: [], rooms: new Map() };

/** For an incremental sync: what changed at from < position <= to. Asks the database only where something did. Without push rules. */
export async function accountDataSince(
  app: Pick<App, "db" | "userData">,
  userId: string,
  from: number,
  to: number,
): Promise<AccountDataEvents> {
  if (!app.userData.accountDataChanges.maybeChanged(userId, from)) return nothing;
  return eventsOf(await accountDataBetween(app.db, userId, from, to));
}

/** For a first sync: everything. Without push rules. */
export async function allAccountDataOf(app: Pick<App, "db" | "config">, userId: string): Promise<AccountDataEvents> {
  return eventsOf((await allAccountData(app.db, userId)).filter((row) => !isDeleted(app, row)));
}

/** Everything of some rooms, for rooms that are new to a client. */
export async function accountDataOf(
  app: Pick<App, "db" | "config">,
  userId: string,
  roomIds: readonly string[],
): Promise<AccountDataEvents["rooms"]> {
  if (roomIds.length === 0) return nothing.rooms;
  return (await accountDataIn(app, userId, roomIds)).rooms;
}

/** Everything of some rooms, and with "" among them what belongs to no room. Without push rules. */
export async function accountDataIn(
  app: Pick<App, "db" | "config">,
  userId: string,
  roomIds: readonly string[],
): Promise<AccountDataEvents> {
  return eventsOf((await accountDataOfRooms(app.db, userId, roomIds)).filter((row) => !isDeleted(app, row)));
}

/** Whom the user ignores (m.ignored_user_list). */
export async function ignoredUsersOf(app: Pick<App, "userData">, userId: string): Promise<ReadonlySet<string>> {
  return (await app.userData.ignoredUsers.load(userId)) ?? new Set();
}
