import type { Caches } from "../caches/caches";
import { forgetHistory, forgetRoom } from "../caches/forget";
import { MatrixError } from "../errors";
import { defineRpc } from "../replication/rpc";
import type { Streams } from "../replication/streams";
import type { CacheChange } from "../storage/cacheChanges";
import type { Database, Db } from "../storage/db";
import { purgeSomeHistory } from "../storage/purgeHistory";
import { forgetWholeRoom } from "../storage/purgeRooms";
import { ALIASES_OF_ROOM, DELETED_ROOM, HISTORY_OF_ROOM, deletedRoomKey } from "../streams/caches";
import { eventsStream } from "../streams/events";
import { changeRemembered } from "./cacheChanges";
import { writerOf } from "./eventsRpc";
import type { EventWriterApp } from "./eventsRpc";

interface PurgeApp extends EventWriterApp {
  readonly db: Database;
  readonly caches: Caches;
  readonly streams: Pick<Streams, "publish" | "position">;
  readonly serverName: string;
}

/** History of a room that is to go: what is less deep than `before`. */
export interface PurgeRequest {
  readonly roomId: string;
  readonly before: number;
  readonly deleteLocal: boolean;
}

/** The room stands still while they go, so that its owner knows none of them any more when the next event is built. */
const EVENTS_AT_ONCE = 300;

/** Changes what is stored of a room, and has every process forget what it remembers. */
function changeRoom<T>(app: PurgeApp, remembered: readonly CacheChange[], work: (tx: Db) => Promise<T>): Promise<T> {
  return changeRemembered(app, async (tx) => ({ value: await work(tx), remembered }));
}

async function purgeSome(app: PurgeApp, { roomId, before, deleteLocal }: PurgeRequest): Promise<number> {
  const room = await app.caches.rooms.byId(roomId);
  if (!room) return 0;
  const history = { roomNid: room.nid, before, deleteLocal, serverName: app.serverName };
  return writerOf(app).alone(roomId, async () => {
    const changes = [{ cache: HISTORY_OF_ROOM, key: String(room.nid) }];
    const purged = await changeRoom(app, changes, (tx) => purgeSomeHistory(tx, history, EVENTS_AT_ONCE));
    // Not when the stream says so: before anything else is built.
    forgetHistory(app.caches, room.nid, app.streams.position(eventsStream));
    return purged;
  });
}

/** Takes some events out of the history of a room. Gives their number; 0 when nothing is left that should go. */
export const purgeEvents = defineRpc({
  name: "purge_events",
  owner: ({ roomId }: PurgeRequest) => ({ stream: "events", key: roomId }),
  repeatable: true,
  handle: (app: PurgeApp, requests: readonly PurgeRequest[]) => Promise.all(requests.map((request) => purgeSome(app, request))),
});

export interface ForgetRequest {
  readonly roomId: string;
  /** Even if users of this server are in it. */
  readonly force: boolean;
}

async function forget(app: PurgeApp, { roomId, force }: ForgetRequest): Promise<null> {
  const room = await app.caches.rooms.byId(roomId);
  if (!room) return null;
  await writerOf(app).alone(roomId, async () => {
    const { local } = await app.caches.memberships.ofRoom(room.nid);
    if (local.size > 0 && !force) throw new MatrixError(400, "M_UNKNOWN", "Users are still joined to this room");
    const changes = [
      { cache: DELETED_ROOM, key: deletedRoomKey(room.nid, roomId) },
      { cache: ALIASES_OF_ROOM, key: roomId },
    ];
    await changeRoom(app, changes, (tx) => forgetWholeRoom(tx, room.nid, roomId));
    forgetRoom(app.caches, room, app.streams.position(eventsStream));
  });
  return null;
}

/** Makes a room unknown to this server. 400 while its users are in it. */
export const forgetRooms = defineRpc({
  name: "forget_room",
  owner: ({ roomId }: ForgetRequest) => ({ stream: "events", key: roomId }),
  repeatable: true,
  handle: (app: PurgeApp, requests: readonly ForgetRequest[]) => Promise.all(requests.map((request) => forget(app, request))),
});

export const purgeRpcs = [purgeEvents, forgetRooms];
