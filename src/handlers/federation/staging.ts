import type { RoomInfo } from "../../caches/rooms";
import { parseLosslessJson } from "../../lib/jsonLossless";
import { readPdu } from "../../rooms/readPdu";
import {
  type StagedPdu,
  deleteStagedBefore,
  deleteStagedPdu,
  insertStagedPdu,
  roomsStagedBefore,
  stagedPdusOf,
} from "../../storage/stagedPdus";
import type { App } from "../app";
import type { GoodPdu } from "./checkPdu";
import { storeInRoom } from "./inbound";

/** Events that wait in one room; what comes beyond has to be sent again. */
const MAX_OF_ROOM = 1_000;
const PAGE = 20;
/** What has waited for so long is nobody's work any more: the process that had it is gone. ms */
const ABANDONED_MS = 5 * 60_000;
const GIVE_UP_MS = 24 * 3_600_000;

/**
 * Keeps an event that rests on what is not known here, so that its transaction can be acknowledged; what is missing is fetched beside
 * requests. One slow room thus never holds up what else its origin has to say. False where too many events of the room wait.
 */
export async function stagePdu(app: App, origin: string, room: RoomInfo, { checked }: GoodPdu): Promise<boolean> {
  const kept = await insertStagedPdu(app.db, { roomNid: room.nid, ...checked, origin, receivedTs: app.clock.now() }, MAX_OF_ROOM);
  if (kept) workOff(app, room);
  return kept;
}

/** Stores what waits in a room, one event after another. A room is worked on once at a time. */
function workOff(app: App, room: RoomInfo): void {
  const { stagedRooms } = app.inFlight;
  const known = stagedRooms.get(room.nid);
  if (known) return void (known.again = true);
  const work = { again: false };
  stagedRooms.set(room.nid, work);
  app.background("process_staged_pdus", async () => {
    try {
      do {
        work.again = false;
        await storeAll(app, room);
      } while (work.again);
    } finally {
      stagedRooms.delete(room.nid);
    }
  });
}

async function storeAll(app: App, room: RoomInfo): Promise<void> {
  for (;;) {
    const staged = await stagedPdusOf(app.db, room.nid, PAGE);
    if (staged.length === 0) return;
    for (const pdu of staged) {
      await storeStaged(app, room, pdu);
      await deleteStagedPdu(app.db, room.nid, pdu.eventId);
    }
  }
}

/** Its signatures were checked when it came. */
async function storeStaged(app: App, room: RoomInfo, { eventId, origin, json }: StagedPdu): Promise<void> {
  const received = readPdu(room.version, parseLosslessJson(json));
  if ("fault" in received) return;
  await storeInRoom(app, origin, room, { checked: { eventId, json }, event: received.event, received });
}

/** Takes up what a process left behind that has gone. */
export async function resumeStaged(app: App): Promise<void> {
  const now = app.clock.now();
  await deleteStagedBefore(app.db, now - GIVE_UP_MS);
  const rooms = await app.caches.rooms.byNids(await roomsStagedBefore(app.db, now - ABANDONED_MS));
  for (const room of rooms.values()) workOff(app, room);
}
