import { eventsBetween, eventsHead } from "../storage/events";
import type { EventStreamRow } from "../storage/events";
import { defineStream } from "./defineStream";
import type { RowCodec } from "./tuple";
import { tuple } from "./tuple";

const row: RowCodec<EventStreamRow> = tuple({
  nid: "int",
  roomNid: "int",
  roomId: "string",
  eventId: "string",
  type: "string",
  stateKey: "string?",
  sender: "string",
  redacts: "string?",
  keyNid: "int?",
  prevNid: "int?",
  membership: "string?",
  prevMembership: "string?",
  displayName: "string?",
  resets: "bool",
  relatesTo: "string?",
  relType: "string?",
  push: "json",
  stored: "json",
});

/** Persisted events, in the order in which clients see them. A member event also wakes its target, who may not be in the room yet. */
export const eventsStream = defineStream<EventStreamRow>({
  name: "events",
  writer: "events",
  sharding: "room",
  sequence: "events_stream_seq",
  row,
  catchUp: eventsBetween,
  head: eventsHead,
  wakes: (event) =>
    event.membership !== null && event.stateKey !== null ? { rooms: [event.roomId], users: [event.stateKey] } : { rooms: [event.roomId] },
});
