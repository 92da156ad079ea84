import type { RoomInfo } from "../../caches/rooms";
import { parseLosslessJson } from "../../lib/jsonLossless";
import { readPdu } from "../../rooms/readPdu";
import {
  type StagedPdu,
  claimStaged,
  deleteStagedBefore,
  deleteStagedPdu,
  insertStagedPdu,
  releaseStaged,
  roomsStagedBefore,
  stagedPdusOf,
} from "../../storage/stagedPdus";
import type { App } from "../app";
import type { GoodPdu } from "./checkPdu";
import { storeInRoom } from "./inbound";

/** Events that wait in one room; what comes beyond has to be sent again. */
const MAX_OF_ROOM = 1_000;
const PAGE = 20;
/** How long a process has a room to itself without saying so again. ms */
const CLAIM_MS = 60_000;
/** What has waited for so long is nobody's work any more, unless a process still says so. ms */
const ABANDONED_MS = 2 * CLAIM_MS;
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

/** Stores what waits in a room, one event after another. A room is worked on once at a time, here and in all processes. */
function workOff(app: App, room: RoomInfo): void {
  const { stagedRooms } = app.inFlight;
  const known = stagedRooms.get(room.nid);
  if (known) return void (known.again = true);
  if (app.inFlight.ending) return;
  const work = { again: false, done: Promise.resolve() };
  stagedRooms.set(room.nid, work);
  const run = async (): Promise<void> => {
    try {
      let done: boolean;
      do {
        work.again = false;
        done = await storeAll(app, room);
      } while ((!done || work.again) && !app.inFlight.ending);
      if (app.inFlight.ending) await releaseStaged(app.db, { roomNid: room.nid, instance: app.instanceName }, "always");
    } catch (error) {
      await releaseStaged(app.db, { roomNid: room.nid, instance: app.instanceName }, "always");
      throw error;
    } finally {
      stagedRooms.delete(room.nid);
    }
  };
  app.background("process_staged_pdus", () => (work.done = run()));
}

/** Ends what is under way; what was not stored stays staged. Call it when no other server can be asked any more. */
export async function stopStaging({ inFlight }: Pick<App, "inFlight">): Promise<void> {
  await Promise.allSettled([...inFlight.stagedRooms.values()].map(({ done }) => done));
}

/** Claims what waits in a room for this process. False while another one that lives has it. */
async function isMine({ db, clock, instanceName: instance, ownership }: App, room: RoomInfo): Promise<boolean> {
  const now = clock.now();
  const claim = { roomNid: room.nid, instance, until: now + CLAIM_MS };
  const holder = await claimStaged(db, claim, { now });
  if (holder === undefined || holder === instance || ownership.isLive(holder)) return holder === instance;
  return (await claimStaged(db, claim, { now, dead: holder })) === instance;
}

/** True when nothing is left to do here: nothing waits any more, or another process has the room, who finds what comes meanwhile. */
async function storeAll(app: App, room: RoomInfo): Promise<boolean> {
  for (;;) {
    if (!(await isMine(app, room))) return true;
    const staged = await stagedPdusOf(app.db, room.nid, PAGE);
    if (staged.length === 0) return releaseStaged(app.db, { roomNid: room.nid, instance: app.instanceName }, "idle");
    for (const [i, pdu] of staged.entries()) {
      if (app.inFlight.ending) return true;
      if (i > 0 && !(await isMine(app, room))) return true;
      await storeStaged(app, room, pdu);
      // What failed because the process stops is tried again in its next life.
      if (app.inFlight.ending) return true;
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
