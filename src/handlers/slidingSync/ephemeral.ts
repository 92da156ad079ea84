import type { JsonText } from "../../lib/jsonText";
import { receiptsForNewcomer } from "../../storage/receipts";
import type { Receipt } from "../../storage/receipts";
import type { App } from "../app";
import { receiptContent, receiptsSince } from "../receipts";
import type { Tree } from "../sync/roomSections";
import { groupBy } from "../../lib/groupBy";
import { typingSince } from "../typing";
import type { KnownUpTo } from "./connectionState";
import { fellBehind, roomsFor, silent } from "./extension";
import type { ExtensionResult, ExtensionsRequest } from "./extension";
import type { RoomExtensionConfig } from "./request";
import type { WantedRoom } from "./roomList";

/** The extension `receipts` (MSC3960). Of rooms that are new to the client the old receipts on old events are left out. */
export async function receiptsExtension(app: App, request: ExtensionsRequest): Promise<ExtensionResult> {
  const config = request.request.extensions.receipts;
  if (!config?.enabled) return { ...silent, known: fellBehind(request, "receipts", new Set(), () => true) };
  const { requester, since, now } = request;
  const { userId } = requester;
  const rooms = joinedRooms(request, config);
  const fresh = rooms.filter(({ upTo }) => upTo === 0).map(({ roomId }) => roomId);
  const late = rooms.filter(({ upTo }) => upTo !== undefined && upTo > 0);
  const live = rooms.filter(({ upTo }) => upTo === undefined).map(({ roomId }) => roomId);
  const found = await Promise.all([
    receiptsSince(app, { roomIds: live, from: since?.receipts ?? 0, to: now.receipts, userId }),
    receiptsSince(app, {
      roomIds: late.map(({ roomId }) => roomId),
      from: Math.min(...late.map(({ upTo }) => upTo ?? 0)),
      to: now.receipts,
      userId,
    }),
    newcomerReceipts(app, request, fresh),
  ]);
  const shown = found.flatMap((part) => [...part]);
  const told = new Set(rooms.map(({ roomNid }) => roomNid));
  const behind = fellBehind(request, "receipts", told, (roomId) => {
    const rows = app.userData.receipts.between(roomId, since?.receipts ?? 0, now.receipts);
    return !rows || rows.length > 0;
  });
  return {
    tree: {
      ...(shown.length > 0 && { rooms: Object.fromEntries(shown.map(([roomId, content]) => [roomId, { type: "m.receipt", content }])) }),
    },
    hasNews: shown.length > 0,
    known: new Map<number, KnownUpTo>([...behind, ...rooms.map(({ roomNid }) => [roomNid, undefined] as const)]),
  };
}

async function newcomerReceipts(
  app: Pick<App, "db">,
  { requester, results, now }: ExtensionsRequest,
  roomIds: readonly string[],
): Promise<Map<string, JsonText>> {
  if (roomIds.length === 0) return new Map();
  const { userId } = requester;
  const eventIds = results.flatMap(({ timeline }) => timeline.map(({ row }) => row.eventId));
  const rows: readonly Receipt[] = await receiptsForNewcomer(app.db, { roomIds, eventIds, to: now.receipts, userId });
  return new Map(
    Array.from(
      groupBy(rows, (row) => row.roomId),
      ([roomId, receipts]) => [roomId, receiptContent(receipts)],
    ),
  );
}

/** The extension `typing` (MSC3961): who types, where that changed. */
export function typingExtension(app: Pick<App, "userData">, request: ExtensionsRequest): ExtensionResult {
  const config = request.request.extensions.typing;
  if (!config?.enabled) return silent;
  const initial = new Set(request.results.filter((result) => result.initial).map(({ roomId }) => roomId));
  const rooms = joinedRooms(request, config).map(({ roomId }) => roomId);
  const since = request.since?.typing ?? 0;
  const found = [
    ...typingSince(app, new Set(rooms.filter((roomId) => !initial.has(roomId))), since),
    ...typingSince(app, new Set(rooms.filter((roomId) => initial.has(roomId))), 0),
  ];
  const shown = Object.fromEntries(
    found.map(([roomId, users]): [string, Tree] => [roomId, { type: "m.typing", content: { user_ids: users } }]),
  );
  return { ...silent, tree: found.length > 0 ? { rooms: shown } : {}, hasNews: found.length > 0 };
}

interface JoinedRoom {
  readonly roomNid: number;
  readonly roomId: string;
  readonly upTo: KnownUpTo;
}

/** Rooms that the user is in and the client has been shown. */
function joinedRooms({ list, known }: ExtensionsRequest, config: RoomExtensionConfig): JoinedRoom[] {
  return roomsFor(config, list).flatMap(({ place }: WantedRoom) => {
    const room = known.rooms.get(place.roomNid);
    if (place.membership !== "join" || room?.shown !== "full") return [];
    return [{ roomNid: place.roomNid, roomId: place.roomId, upTo: room.receipts }];
  });
}
