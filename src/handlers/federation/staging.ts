import type { RoomInfo } from "../../caches/rooms";
import { parseLosslessJson } from "../../lib/jsonLossless";
import { waitAtMost } from "../../lib/waitAtMost";
import { readPdu } from "../../rooms/readPdu";
import {
  type StagedPdu,
  claimStaged,
  deleteStagedBefore,
  deleteStagedPdu,
  insertStagedPdu,
  postponeStaged,
  releaseStaged,
  resumeStagedOf,
  roomsWithStaged,
  stagedPdusOf,
} from "../../storage/stagedPdus";
import type { App } from "../app";
import type { GoodPdu } from "./checkPdu";
import { storeOrWait } from "./inbound";

/** Events that wait in one room; what comes beyond has to be sent again. */
const MAX_OF_ROOM = 1_000;
const PAGE = 20;
/** How long a process has a room to itself without saying so again. ms */
const CLAIM_MS = 60_000;
/** What has waited for so long is nobody's work any more, unless a process still says so. ms */
const ABANDONED_MS = 2 * CLAIM_MS;
const STOP_MS = 2_000;
const GIVE_UP_MS = 24 * 3_600_000;
/** What nobody could be asked for is asked for again after so long, and after twice as long each time. ms */
const FIRST_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 3_600_000;

/**
 * Keeps an event that rests on what is not known here, so that its transaction can be acknowledged; what is missing is fetched beside
 * requests. One slow room thus never holds up what else its origin has to say. False where too many events of the room wait.
 */
export async function stagePdu(app: App, origin: string, room: RoomInfo, { checked }: GoodPdu): Promise<boolean> {
  const kept = await insertStagedPdu(app.db, { roomNid: room.nid, ...checked, origin, receivedTs: app.clock.now() }, MAX_OF_ROOM);
  if (!kept) return false;
  // What came before it from the same server comes first, as that is here again.
  await resumeStagedOf(app.db, origin, room.nid);
  workOff(app, room);
  return true;
}

/** Stores what waits in a room, one event after another. A room is worked on once at a time, here and in all processes. */
function workOff(app: App, room: RoomInfo): void {
  const { stagedRooms } = app.inFlight;
  const known = stagedRooms.get(room.nid);
  if (known) return void (known.again = true);
  if (app.inFlight.ending) return;
  const work = { again: false, done: Promise.resolve() };
  stagedRooms.set(room.nid, work);
  const release = () => releaseStaged(app.db, { roomNid: room.nid, instance: app.instanceName }, "always");
  const run = async (): Promise<void> => {
    try {
      let done: boolean;
      do {
        work.again = false;
        done = await storeAll(app, room);
      } while ((!done || work.again) && !app.inFlight.ending);
      if (app.inFlight.ending) await release();
    } catch (error) {
      // With the process its claim ends, too.
      if (app.inFlight.ending) return;
      await release();
      throw error;
    } finally {
      stagedRooms.delete(room.nid);
    }
  };
  app.background("process_staged_pdus", () => (work.done = run()));
}

/**
 * Ends what is under way, but does not wait for an owner of rooms that is away; what was not stored stays staged. Call it when no other
 * server can be asked any more.
 */
export async function stopStaging({ inFlight }: Pick<App, "inFlight">): Promise<void> {
  const working = Promise.allSettled([...inFlight.stagedRooms.values()].map(({ done }) => done));
  await waitAtMost(working, STOP_MS);
}

/** Claims what waits in a room for this process. False while another one that lives has it. */
async function isMine({ db, clock, instanceName: instance, ownership }: App, room: RoomInfo): Promise<boolean> {
  const now = clock.now();
  const claim = { roomNid: room.nid, instance, until: now + CLAIM_MS };
  const holder = await claimStaged(db, claim, { now });
  if (holder === undefined || holder === instance || ownership.isLive(holder)) return holder === instance;
  return (await claimStaged(db, claim, { now, dead: holder })) === instance;
}

/** True when nothing is left to do here: nothing is due any more, or another process has the room, who finds what comes meanwhile. */
async function storeAll(app: App, room: RoomInfo): Promise<boolean> {
  const { db, clock, instanceName: instance, inFlight } = app;
  for (;;) {
    if (!(await isMine(app, room))) return true;
    const now = clock.now();
    const staged = await stagedPdusOf(db, room.nid, now, PAGE);
    if (staged.length === 0) return releaseStaged(db, { roomNid: room.nid, instance }, { idleAt: now });
    const away = new Set<string>();
    for (const [i, pdu] of staged.entries()) {
      if (away.has(pdu.origin)) continue;
      if (inFlight.ending) return true;
      if (i > 0 && !(await isMine(app, room))) return true;
      const outcome = await tryStaged(app, room, pdu);
      // What failed because the process stops is tried again in its next life.
      if (inFlight.ending) return true;
      if (outcome === "done") await deleteStagedPdu(db, room.nid, pdu.eventId);
      else await postpone(app, pdu, outcome);
      // The next ones of a server that is away would be tried in vain, too, and they come after this one.
      if (outcome === "wait") away.add(pdu.origin);
    }
  }
}

function postpone(app: App, { roomNid, origin, eventId }: StagedPdu, outcome: "wait" | "failed"): Promise<void> {
  const which = { roomNid, origin, ...(outcome === "failed" && { eventId }) };
  return postponeStaged(app.db, which, { now: app.clock.now(), firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS });
}

/** An event that cannot be stored for a reason of our own holds up no other. */
async function tryStaged(app: App, room: RoomInfo, pdu: StagedPdu): Promise<"done" | "wait" | "failed"> {
  try {
    return await storeStaged(app, room, pdu);
  } catch (error) {
    const { eventId } = pdu;
    if (app.inFlight.ending) return "failed";
    app.log("synapse.handlers.federation_event").error("a staged event could not be stored", { roomId: room.roomId, eventId, error });
    return "failed";
  }
}

/** Its signatures were checked when it came. */
async function storeStaged(app: App, room: RoomInfo, { eventId, origin, json }: StagedPdu): Promise<"done" | "wait"> {
  const received = readPdu(room.version, parseLosslessJson(json));
  if ("fault" in received) return "done";
  return storeOrWait(app, origin, room, { checked: { eventId, json }, event: received.event, received });
}

/** Takes up what was put off until now, and what a process left behind that has gone. */
export async function resumeStaged(app: App): Promise<void> {
  const now = app.clock.now();
  await deleteStagedBefore(app.db, now - GIVE_UP_MS);
  await workOffAll(app, await roomsWithStaged(app.db, { now, since: now - ABANDONED_MS }));
}

/** A server is back: what waits for it is tried at once. */
export async function retryStaged(app: App, origin: string): Promise<void> {
  await workOffAll(app, await resumeStagedOf(app.db, origin));
}

async function workOffAll(app: App, roomNids: readonly number[]): Promise<void> {
  const rooms = await app.caches.rooms.byNids(roomNids);
  for (const room of rooms.values()) workOff(app, room);
}
