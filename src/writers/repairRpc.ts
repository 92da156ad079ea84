import type { Caches } from "../caches/caches";
import { defineRpc } from "../replication/rpc";
import type { Database } from "../storage/db";
import { recountMembers } from "../storage/persistEvents";
import { keepNewestExtremity } from "../storage/rooms";
import { writerOf } from "./eventsRpc";
import type { EventWriterApp } from "./eventsRpc";

interface RepairApp extends EventWriterApp {
  readonly db: Database;
  readonly caches: Pick<Caches, "rooms">;
}

/** Has a room go on from its newest event alone; its state stays. Gives how many other ends it had. */
export const dropExtremities = defineRpc<RepairApp, string, number>({
  name: "drop_extremities",
  owner: (roomId) => ({ stream: "events", key: roomId }),
  repeatable: true,
  handle: (app, roomIds) =>
    Promise.all(
      roomIds.map(async (roomId) => {
        const room = await app.caches.rooms.byId(roomId);
        return room ? writerOf(app).alone(roomId, () => keepNewestExtremity(app.db, room.nid)) : 0;
      }),
    ),
});

/** Counts the members of a room anew, while nobody comes or goes. */
export const recountRoom = defineRpc<RepairApp, string, null>({
  name: "recount_room",
  owner: (roomId) => ({ stream: "events", key: roomId }),
  batch: 20,
  repeatable: true,
  handle: (app, roomIds) =>
    Promise.all(
      roomIds.map(async (roomId) => {
        const room = await app.caches.rooms.byId(roomId);
        if (room) await writerOf(app).alone(roomId, () => recountMembers(app.db, [room.nid]));
        return null;
      }),
    ),
});

export const repairRpcs = [dropExtremities, recountRoom];
