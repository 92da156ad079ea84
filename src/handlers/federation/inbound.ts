import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { type ForeignState, type RemoteOutcome, storeRemoteEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import type { GoodPdu } from "./checkPdu";
import { isPlacedIn } from "./backfill";
import { afterPolicy } from "./policyServer";
import { type Source, fetchAuthOf, fetchStateBefore, missingBefore } from "./gaps";
import { byCount, isSilence } from "./servers";

type Missing = Extract<RemoteOutcome, { readonly kind: "missing" }>;

/** A server that is asked for what is missing, and whether it left us without an answer. */
interface Asked extends Source {
  silent: boolean;
}

/** Other servers of a room that are asked where the one that sent an event is away. */
const MAX_OTHERS = 3;

/**
 * Stores an event in a room that we are in, one at a time in each room, and fetches what it rests on where that is not known. The
 * outcome is "missing" where that could not be had.
 */
export function storeInRoom(app: App, origin: string, room: RoomInfo, pdu: GoodPdu): Promise<RemoteOutcome> {
  return app.inFlight.rooms.run(room.roomId, () => storeFrom(app, { room, origin, silent: false }, pdu));
}

/**
 * As storeInRoom, for an event whose server waits for nothing: where that is away, others of the room are asked. Gives whether the event
 * has to wait, as what it rests on is missing and nobody who may have it could be asked.
 */
export function storeOrWait(app: App, origin: string, room: RoomInfo, pdu: GoodPdu): Promise<"done" | "wait"> {
  return app.inFlight.rooms.run(room.roomId, async () => {
    const sender: Asked = { room, origin, silent: false };
    const outcome = await storeFrom(app, sender, pdu);
    // Who answers and does not have it made it up, or keeps it to itself: nobody else is troubled then.
    if (outcome.kind !== "missing" || !sender.silent) return "done";
    for (const host of await othersIn(app, room, origin)) {
      if (app.inFlight.ending) break;
      if ((await storeFrom(app, { room, origin: host, silent: false }, pdu)).kind !== "missing") return "done";
    }
    return "wait";
  });
}

async function othersIn(app: App, room: RoomInfo, origin: string): Promise<string[]> {
  const { hosts } = await app.caches.memberships.ofRoom(room.nid);
  return byCount(hosts)
    .filter((host) => host !== origin && host !== app.serverName)
    .slice(0, MAX_OTHERS);
}

async function storeFrom(app: App, source: Asked, pdu: GoodPdu): Promise<RemoteOutcome> {
  const { room } = source;
  const outcome = await storeWithAuth(app, source, pdu);
  if (outcome.kind !== "missing" || outcome.prev.length === 0) return outcome;
  await fillGap(app, source, pdu);
  const again = await storeWithAuth(app, source, pdu);
  return again.kind === "missing" && (await areHere(app, room, again.prev)) ? storePulled(app, source, pdu) : again;
}

/** Of history that came in late the state is not kept, so that what follows it needs another server's word, though it has a place here. */
async function areHere(app: App, room: RoomInfo, eventIds: readonly string[]): Promise<boolean> {
  const found = await app.caches.events.byIds(eventIds);
  return eventIds.every((id) => isPlacedIn(room, found.get(id)));
}

/** Stores an event; auth events that are missing are fetched. What is still missing then are events before it, or nobody has them. */
async function storeWithAuth(app: App, source: Asked, pdu: GoodPdu, foreign: readonly ForeignState[] = []): Promise<RemoteOutcome> {
  const { checked, suspect } = await afterPolicy(app, source.room, pdu);
  const outcome = await storeRemoteEvent(app, source.room.roomId, checked, { foreign, suspect });
  if (outcome.kind !== "missing" || outcome.auth.length === 0) return outcome;
  await attempt(app, source, "the auth events of an event", () => fetchAuthOf(app, source, pdu.event.eventId));
  return storeRemoteEvent(app, source.room.roomId, checked, { foreign, suspect });
}

/** Stores what the other server says came between. Gaps behind that are bridged by its word on the state. */
async function fillGap(app: App, source: Asked, pdu: GoodPdu): Promise<void> {
  await attempt(app, source, "missing events", async () => {
    for (const missing of await missingBefore(app, source, pdu)) await storePulled(app, source, missing);
  });
}

async function storePulled(app: App, source: Asked, pdu: GoodPdu): Promise<RemoteOutcome> {
  const outcome = await storeWithAuth(app, source, pdu);
  return outcome.kind === "missing" ? storeWithAuth(app, source, pdu, await statesBefore(app, source, outcome)) : outcome;
}

async function statesBefore(app: App, source: Asked, { prev }: Missing): Promise<ForeignState[]> {
  const states: ForeignState[] = [];
  for (const eventId of prev) {
    await attempt(app, source, "the state at an event", async () => void states.push(await fetchStateBefore(app, source, eventId)));
  }
  return states;
}

/** The other server may fail or lie: then the event stays out for now. */
async function attempt(app: App, source: Asked, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    source.silent ||= isSilence(error);
    // that another server is away needs no stack
    const isAnswer = error instanceof MatrixError;
    const text = isAnswer ? `could not get ${what}: ${error.message}` : `could not get ${what}`;
    const { room, origin } = source;
    app.log("synapse.handlers.federation_event").warn(text, { roomId: room.roomId, origin, ...(!isAnswer && { error }) });
  }
}
