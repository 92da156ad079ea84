import type { StreamToken } from "../../lib/streamToken";
import type { Requester } from "../requester";
import type { Tree } from "../sync/roomSections";
import type { ConnectionState, KnownUpTo } from "./connectionState";
import type { RoomExtensionConfig, SlidingSyncRequest } from "./request";
import type { RoomList, WantedRoom } from "./roomList";
import type { RoomResult } from "./rooms";

export interface ExtensionsRequest {
  readonly requester: Requester;
  readonly request: SlidingSyncRequest;
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
  readonly list: RoomList;
  readonly results: readonly RoomResult[];
  /** What the client knows of rooms when it has this answer, but for what extensions add. */
  readonly known: ConnectionState;
}

/** What an extension says, and what the client knows then of its stream by room. */
export interface ExtensionResult {
  /** Undefined: the extension is not in the answer. */
  readonly tree: Tree | undefined;
  readonly hasNews: boolean;
  readonly known: ReadonlyMap<number, KnownUpTo>;
}

export const silent: ExtensionResult = { tree: undefined, hasNews: false, known: new Map() };

/** The rooms for which an extension is wanted, among those of the request's windows and subscriptions. */
export function roomsFor(config: RoomExtensionConfig, list: RoomList): WantedRoom[] {
  const { lists, rooms } = config;
  const allLists = !lists || lists.includes("*");
  const allSubscriptions = !rooms || rooms.includes("*");
  const inLists = (names: readonly string[]): boolean => names.length > 0 && (allLists || names.some((name) => lists.includes(name)));
  return [...list.wanted.values()].filter(
    (wanted) => inLists(wanted.lists) || (wanted.subscribed && (allSubscriptions || rooms.includes(wanted.place.roomId))),
  );
}

/** Rooms whose news were not told: the client knows them up to its token from now on. */
export function fellBehind(
  { known, list, since }: ExtensionsRequest,
  field: "accountData" | "receipts",
  told: ReadonlySet<number>,
  moved: (roomId: string) => boolean,
): Map<number, KnownUpTo> {
  const behind = new Map<number, KnownUpTo>();
  if (!since) return behind;
  const position = field === "receipts" ? since.receipts : since.account_data;
  for (const [nid, room] of known.rooms) {
    if (room[field] !== undefined || told.has(nid)) continue;
    const place = list.places.get(nid);
    if (place && moved(place.roomId)) behind.set(nid, position);
  }
  return behind;
}
