import type { JsonValue } from "../lib/json";
import type { EventRow, EventStreamRow } from "../storage/events";

/** An event with a longer text is read by each process that wants it: all others hear of it as well. */
const MAX_TOLD = 8_000;

type Rest = [
  depth: number,
  originServerTs: number,
  receivedTs: number,
  json: string,
  stateGroup: number | null,
  replacesNid: number | null,
  redactedBy: string | null,
  txnDevice: string | null,
  txnId: string | null,
];

/** What the stream's row does not say otherwise of a stored event, so that nobody has to read it. */
export function tellStored(row: EventRow): JsonValue {
  if (row.json.length > MAX_TOLD) return null;
  const { depth, originServerTs, receivedTs, json, stateGroup, replacesNid, redactedBy, txnDevice, txnId } = row;
  const rest: Rest = [depth, originServerTs, receivedTs, json, stateGroup, replacesNid, redactedBy, txnDevice, txnId];
  return rest;
}

/** The row that was told of, as a read of it would give it; undefined where it did not travel along. */
export function toldRow(streamOrdering: number, row: EventStreamRow): EventRow | undefined {
  if (!Array.isArray(row.stored)) return undefined;
  const [depth, originServerTs, receivedTs, json, stateGroup, replacesNid, redactedBy, txnDevice, txnId] = row.stored as Rest;
  const { nid, roomNid, eventId, type, stateKey, sender, redacts } = row;
  return {
    nid,
    streamOrdering,
    roomNid,
    eventId,
    type,
    stateKey,
    sender,
    depth,
    originServerTs,
    receivedTs,
    json,
    stateGroup,
    replacesNid,
    redacts,
    redactedBy,
    // Nobody hears of others.
    rejected: null,
    softFailed: false,
    txnDevice,
    txnId,
  };
}
