import { own } from "../../lib/json";
import { getUsers } from "../../storage/users";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";
import { requesterFor } from "../requester";
import { currentEvent, findRoom } from "./access";
import { changeMembership } from "./membership";

/** Has local guests leave rooms that close to them. The room's owner sees to it, wherever the event came from. Call it before the streams start. */
export function followGuestAccess(app: App): void {
  app.streams.subscribe(eventsStream, (rows) => {
    for (const { row } of rows) {
      if (row.type !== "m.room.guest_access" || row.keyNid === null || !app.ownership.isMine(eventsStream.writer, row.roomId)) continue;
      app.background("kick_guest_users", () => removeGuests(app, row.roomId));
    }
  });
}

async function removeGuests(app: App, roomId: string): Promise<void> {
  const room = await findRoom(app, roomId);
  const access = room && (await currentEvent(app, room, "m.room.guest_access"));
  if (!room || own(access?.shown.content ?? {}, "guest_access") === "can_join") return;
  const { local } = await app.caches.memberships.ofRoom(room.nid);
  const guests = (await getUsers(app.db, [...local.keys()])).filter((user) => user.isGuest);
  for (const { userId } of guests) {
    await changeMembership(app, requesterFor(userId), { roomId, target: userId, action: "leave" }).catch((error: unknown) =>
      app.log("synapse.handlers.room_member").warn(`Guest ${userId} cannot leave ${roomId}`, { error }),
    );
  }
}
