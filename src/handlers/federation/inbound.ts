import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { type ForeignState, type RemoteOutcome, storeRemoteEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import type { GoodPdu } from "./checkPdu";
import { isPlacedIn } from "./backfill";
import { afterPolicy } from "./policyServer";
import { type Source, fetchAuthOf, fetchStateBefore, missingBefore } from "./gaps";

type Missing = Extract<RemoteOutcome, { readonly kind: "missing" }>;

/**
 * Stores an event in a room that we are in, one at a time in each room, and fetches what it rests on where that is not known. The
 * outcome is "missing" where that could not be had.
 */
export function storeInRoom(app: App, origin: string, room: RoomInfo, pdu: GoodPdu): Promise<RemoteOutcome> {
  const source = { room, origin };
  return app.inFlight.rooms.run(room.roomId, async () => {
    const outcome = await storeWithAuth(app, source, pdu);
    if (outcome.kind !== "missing" || outcome.prev.length === 0) return outcome;
    await fillGap(app, source, pdu);
    const again = await storeWithAuth(app, source, pdu);
    return again.kind === "missing" && (await areHere(app, room, again.prev)) ? storePulled(app, source, pdu) : again;
  });
}

/** Of history that came in late the state is not kept, so that what follows it needs another server's word, though it has a place here. */
async function areHere(app: App, room: RoomInfo, eventIds: readonly string[]): Promise<boolean> {
  const found = await app.caches.events.byIds(eventIds);
  return eventIds.every((id) => isPlacedIn(room, found.get(id)));
}

/** Stores an event; auth events that are missing are fetched. What is still missing then are events before it, or nobody has them. */
async function storeWithAuth(app: App, source: Source, pdu: GoodPdu, foreign: readonly ForeignState[] = []): Promise<RemoteOutcome> {
  const { checked, suspect } = await afterPolicy(app, source.room, pdu);
  const outcome = await storeRemoteEvent(app, source.room.roomId, checked, { foreign, suspect });
  if (outcome.kind !== "missing" || outcome.auth.length === 0) return outcome;
  await attempt(app, source, "the auth events of an event", () => fetchAuthOf(app, source, pdu.event.eventId));
  return storeRemoteEvent(app, source.room.roomId, checked, { foreign, suspect });
}

/** Stores what the other server says came between. Gaps behind that are bridged by its word on the state. */
async function fillGap(app: App, source: Source, pdu: GoodPdu): Promise<void> {
  await attempt(app, source, "missing events", async () => {
    for (const missing of await missingBefore(app, source, pdu)) await storePulled(app, source, missing);
  });
}

async function storePulled(app: App, source: Source, pdu: GoodPdu): Promise<RemoteOutcome> {
  const outcome = await storeWithAuth(app, source, pdu);
  return outcome.kind === "missing" ? storeWithAuth(app, source, pdu, await statesBefore(app, source, outcome)) : outcome;
}

async function statesBefore(app: App, source: Source, { prev }: Missing): Promise<ForeignState[]> {
  const states: ForeignState[] = [];
  for (const eventId of prev) {
    await attempt(app, source, "the state at an event", async () => void states.push(await fetchStateBefore(app, source, eventId)));
  }
  return states;
}

/** The other server may fail or lie: then the event stays out, and the next one that refers to it starts anew. */
async function attempt(app: App, { room, origin }: Source, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // that another server is away needs no stack
    const isAnswer = error instanceof MatrixError;
    const text = isAnswer ? `could not get ${what}: ${error.message}` : `could not get ${what}`;
    app.log("synapse.handlers.federation_event").warn(text, { roomId: room.roomId, origin, ...(!isAnswer && { error }) });
  }
}
