import { accountDataIn, accountDataSince } from "../accountData";
import type { AccountDataEvent, AccountDataEvents } from "../accountData";
import type { App } from "../app";
import { pushRulesEvent } from "../sync/globalSections";
import type { Tree } from "../sync/roomSections";
import type { KnownUpTo } from "./connectionState";
import { fellBehind, roomsFor, silent } from "./extension";
import type { ExtensionResult, ExtensionsRequest } from "./extension";

/** The extension `account_data` (MSC3959): what belongs to no room, and what belongs to the rooms that are wanted. */
export async function accountDataExtension(app: App, request: ExtensionsRequest): Promise<ExtensionResult> {
  const config = request.request.extensions.account_data;
  if (!config?.enabled) return { ...silent, known: fellBehind(request, "accountData", new Set(), () => true) };
  const { requester, since, now, list, known } = request;
  const { userId } = requester;
  const rooms = roomsFor(config, list).filter(({ place }) => known.rooms.has(place.roomNid));
  // Of rooms of which the client may have missed something it is told everything.
  const fresh = rooms.filter(({ place }) => known.rooms.get(place.roomNid)?.accountData !== undefined).map(({ place }) => place);
  const freshIds = new Set(fresh.map(({ roomId }) => roomId));
  const [changed, whole, pushRules] = await Promise.all([
    since ? accountDataSince(app, userId, since.account_data, now.account_data) : nothing,
    since && freshIds.size === 0 ? nothing : accountDataIn(app, userId, [...(since ? [] : [""]), ...freshIds]),
    pushRulesEvent(app, userId, since, now),
  ]);
  const wanted = new Set(rooms.map(({ place }) => place.roomId));
  const shown = new Map([...[...changed.rooms].filter(([roomId]) => wanted.has(roomId)), ...whole.rooms]);
  const global = [...changed.global, ...whole.global, ...pushRules];
  const told = new Set(rooms.map(({ place }) => place.roomNid));
  const behind = fellBehind(request, "accountData", told, (roomId) => changed.rooms.has(roomId));
  return {
    tree: { ...(global.length > 0 && { global: asTree(global) }), ...(shown.size > 0 && { rooms: roomTrees(shown) }) },
    hasNews: global.length > 0 || shown.size > 0,
    known: new Map<number, KnownUpTo>([...behind, ...fresh.map(({ roomNid }) => [roomNid, undefined] as const)]),
  };
}

const nothing: AccountDataEvents = { global: [], rooms: new Map() };

const asTree = (events: readonly AccountDataEvent[]): Tree => events.map(({ type, content }) => ({ type, content }));

const roomTrees = (rooms: AccountDataEvents["rooms"]): Tree =>
  Object.fromEntries(Array.from(rooms, ([roomId, events]) => [roomId, asTree(events)]));
