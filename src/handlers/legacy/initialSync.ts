import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { formatToken } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import { getRooms } from "../../storage/rooms";
import { accountDataOf, allAccountDataOf } from "../accountData";
import type { AccountDataEvent } from "../accountData";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import { presenceSince } from "../presence";
import type { PresenceEvent } from "../presence";
import { receiptsSince } from "../receipts";
import type { Requester } from "../requester";
import { placeOf } from "../rooms/access";
import { standingIn } from "../rooms/readState";
import type { Tree } from "../sync/roomSections";
import { positionsNow } from "../sync/sync";
import { accountDataTree, inRoom, legacyPresence } from "./format";
import { presenceInRoom } from "./roomPresence";
import { roomSnapshots } from "./snapshots";
import type { Snapshot } from "./snapshots";

const MAX_LIMIT = 1000;

/** Positions for a token of the old API. It leaves messages to devices alone: only /sync acknowledges them. */
export function legacyNow(app: Pick<App, "streams">): StreamToken {
  return { ...positionsNow(app), to_device: 0 };
}

/** `GET /initialSync` (client-server API, deprecated): every room of the user, with its newest messages and its state. */
export async function readInitialSync(
  app: App,
  requester: Requester,
  { limit, archived }: { readonly limit: number; readonly archived: "withLeft" | "withoutLeft" },
): Promise<Tree> {
  const { userId } = requester;
  const now = legacyNow(app);
  const all = [...(await app.caches.memberships.ofUser(userId)).values()].filter((place) => isWanted(place, archived));
  const [rooms, published] = await Promise.all([
    app.caches.rooms.byNids(all.map(({ roomNid }) => roomNid)),
    getRooms(
      app.db,
      all.map(({ roomId }) => roomId),
    ),
  ]);
  const known = all.flatMap((place): RoomPlace[] => {
    const room = rooms.get(place.roomNid);
    return room ? [{ place, room }] : [];
  });
  const [snapshots, invitations, presence, accountData, receipts] = await Promise.all([
    snapshotsOf(app, requester, known, { limit: Math.min(limit, MAX_LIMIT), now }),
    invitationsOf(app, requester, all),
    presenceFor(app, userId),
    allAccountDataOf(app, userId),
    receiptsSince(app, {
      roomIds: all.filter(({ membership }) => membership === "join").map(({ roomId }) => roomId),
      from: 0,
      to: now.receipts,
      userId,
    }),
  ]);
  const isPublic = new Map(published.map((row) => [row.roomId, row.isPublic]));
  return {
    end: formatToken(now),
    rooms: known.map(({ place }) => ({
      room_id: place.roomId,
      membership: place.membership,
      visibility: isPublic.get(place.roomId) ? "public" : "private",
      ...(invitations.get(place.roomNid) ?? {}),
      ...(snapshots.get(place.roomNid) ?? {}),
      account_data: tagsFirst(accountData.rooms.get(place.roomId) ?? []).map(accountDataTree),
    })),
    presence: presence.map(legacyPresence),
    account_data: accountData.global.map(accountDataTree),
    receipts: [...receipts].map(([roomId, content]) => inRoom(roomId, "m.receipt", content)),
  };
}

interface RoomPlace {
  readonly place: UserRoom;
  readonly room: RoomInfo;
}

const isGone = ({ membership }: UserRoom): boolean => membership === "leave" || membership === "ban";

function isWanted(place: UserRoom, archived: "withLeft" | "withoutLeft"): boolean {
  if (place.forgotten) return false;
  return place.membership === "join" || place.membership === "invite" || (archived === "withLeft" && isGone(place));
}

function snapshotsOf(
  app: App,
  requester: Requester,
  places: readonly RoomPlace[],
  options: { limit: number; now: StreamToken },
): Promise<Map<number, Snapshot>> {
  const shown = places.filter(({ place }) => place.membership !== "invite");
  return roomSnapshots(
    app,
    requester,
    shown.map(({ place, room }) => ({ room, left: isGone(place) ? place : undefined })),
    options,
  );
}

async function invitationsOf(
  app: App,
  requester: Requester,
  places: readonly UserRoom[],
): Promise<Map<number, { readonly [key: string]: Tree }>> {
  const invited = places.filter(({ membership }) => membership === "invite");
  const events = await app.caches.events.byNids(invited.map(({ eventNid }) => eventNid));
  const found = [...events.values()];
  const texts = await renderEvents(app, found, { format: "legacy", reader: requester });
  return new Map(found.map(({ row }, i) => [row.roomNid, { inviter: row.sender, invite: texts[i] ?? {} }]));
}

/** Clients of that time look for tags in the first place. */
function tagsFirst(events: readonly AccountDataEvent[]): AccountDataEvent[] {
  return [...events.filter(({ type }) => type === "m.tag"), ...events.filter(({ type }) => type !== "m.tag")];
}

/** Whoever asks is there, even if nobody has been told yet. */
async function presenceFor(app: App, userId: string): Promise<PresenceEvent[]> {
  const presence = await presenceSince(app, { userId, from: undefined });
  if (app.config.presence.enabled !== true || presence.some(({ sender }) => sender === userId)) return presence;
  const own: PresenceEvent = {
    type: "m.presence",
    sender: userId,
    content: { presence: "online", last_active_ago: 0, currently_active: true },
  };
  return [...presence, own];
}

/**
 * `GET /rooms/{roomId}/initialSync`: one room, as it is or as it was when the user left. Also how clients peek into rooms whose history is
 * world readable (client-server API, "Room Previews"). 403 for everybody else.
 */
export async function readRoomInitialSync(app: App, requester: Requester, roomId: string, limit: number): Promise<Tree> {
  const { userId } = requester;
  const now = legacyNow(app);
  const { room, left } = await standingIn(app, requester, roomId);
  const place = await placeOf(app, userId, room);
  const [snapshots, presence, receipts, accountData, published] = await Promise.all([
    roomSnapshots(app, requester, [{ room, left }], { limit: Math.min(limit, MAX_LIMIT), now }),
    left ? [] : presenceInRoom(app, room),
    left ? undefined : receiptsSince(app, { roomIds: [roomId], from: 0, to: now.receipts, userId }),
    accountDataOf(app, userId, [roomId]),
    getRooms(app.db, [roomId]),
  ]);
  return {
    room_id: roomId,
    ...(place && { membership: place.membership }),
    visibility: published[0]?.isPublic ? "public" : "private",
    ...(snapshots.get(room.nid) ?? {}),
    presence: presence.map(legacyPresence),
    receipts: [...(receipts ?? [])].map(([id, content]) => inRoom(id, "m.receipt", content)),
    account_data: tagsFirst(accountData.get(roomId) ?? []).map(accountDataTree),
  };
}
