import type { Caches } from "../caches/caches";
import { defineRpc } from "../replication/rpc";
import type { Database } from "../storage/db";
import { keepNewestExtremity } from "../storage/rooms";
import { writerOf } from "./eventsRpc";
import type { EventWriterApp } from "./eventsRpc";

interface ExtremitiesApp extends EventWriterApp {
  readonly db: Database;
  readonly caches: Pick<Caches, "rooms">;
}

/** Has a room go on from its newest event alone; its state stays. Gives how many other ends it had. */
export const dropExtremities = defineRpc<ExtremitiesApp, string, number>({
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
