import { defineRpc } from "../replication/rpc";
import type { Rpc } from "../replication/rpc";
import { unwrap } from "./intents";
import type { NewRoomIntent, SendIntent, SendOutcome, SentEvent } from "./intents";
import type { RoomWriter } from "./roomWriter";

export interface EventWriterApp {
  readonly roomWriter: RoomWriter | undefined;
}

export function writerOf(app: EventWriterApp): RoomWriter {
  if (!app.roomWriter) throw new Error("this process does not write events");
  return app.roomWriter;
}

const sendEvents = defineRpc({
  name: "send_events",
  owner: (intent: SendIntent) => ({ stream: "events", key: intent.roomId }),
  batch: 64,
  handle: (app: EventWriterApp, intents: readonly SendIntent[]) => writerOf(app).submit(intents),
});

const createRooms = defineRpc({
  name: "create_room",
  owner: (intent: NewRoomIntent) => ({ stream: "events", key: intent.roomId }),
  handle: (app: EventWriterApp, intents: readonly NewRoomIntent[]) => Promise.all(intents.map((intent) => writerOf(app).create(intent))),
});

export const eventRpcs = [sendEvents, createRooms];

const sentOf = (outcome: SendOutcome): SentEvent => unwrap(outcome).sent;

/** Has the room's owner build and store an event. Throws the MatrixError for which it was refused. */
export async function sendEvent(app: { readonly rpc: Rpc }, intent: SendIntent): Promise<SentEvent> {
  return sentOf(await app.rpc.call(sendEvents, intent));
}

/** As sendEvent for many. All are tried; outcomes are parallel to the intents. */
export async function sendAll(app: { readonly rpc: Rpc }, intents: readonly SendIntent[]): Promise<SendOutcome[]> {
  return Promise.all(intents.map((intent) => app.rpc.call(sendEvents, intent)));
}

/** Has the owner make a whole room. The first of the events is the create event. */
export async function createWholeRoom(app: { readonly rpc: Rpc }, intent: NewRoomIntent): Promise<SentEvent[]> {
  return (await app.rpc.call(createRooms, intent)).map(sentOf);
}
