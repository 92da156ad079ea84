import { MatrixError } from "../../errors";
import type { JsonValue } from "../../lib/json";
import type { RoomEvent } from "../../rooms/event";
import { type ReceivedPdu, readPdu } from "../../rooms/readPdu";
import { signaturesBy } from "../../rooms/signing";
import type { RoomVersion } from "../../rooms/versions";
import { type CheckedPdu, ParsedPdu } from "../../writers/checkedPdu";
import type { App } from "../app";

export type KeysApp = Pick<App, "federation">;

/** A PDU that has passed the checks that need no state, or what is wrong with it, as an error for whoever sent it. */
export type PduCheck =
  { readonly checked: CheckedPdu; readonly event: RoomEvent; readonly received: ReceivedPdu } | { readonly fault: MatrixError };

/** How many events are checked before others have a turn: about 2 ms. An answer of ours takes a dozen turns, and each of them waits for one of these. */
const CHUNK = 10;

/**
 * Checks shape, size, hashes and signatures (server-server API, "Checks performed on receipt of a PDU", the first three). An event whose
 * content hash is wrong comes back redacted.
 */
export async function checkPdu(app: KeysApp, version: RoomVersion, pdu: JsonValue): Promise<PduCheck> {
  const received = readPdu(version, pdu);
  if ("fault" in received) return { fault: new MatrixError(400, "M_BAD_JSON", `Not an event: ${received.fault.message}`) };
  return checkSignatures(app, received);
}

/** As checkPdu, for an event whose form is known to be right. */
export async function checkSignatures(app: KeysApp, received: ReceivedPdu): Promise<PduCheck> {
  const { event, json } = received;
  for (const server of received.signers) {
    if (await isSignedBy(app, received, server)) continue;
    return { fault: new MatrixError(403, "M_FORBIDDEN", `Event ${event.eventId} has no valid signature of ${server}`) };
  }
  return { checked: new ParsedPdu(event, json), event, received };
}

/** As checkSignatures for many, parallel to the request; what is wrong comes with the id of the event. */
export async function checkAllSignatures(
  app: KeysApp,
  pdus: readonly ReceivedPdu[],
): Promise<(GoodPdu | { readonly fault: MatrixError; readonly eventId: string })[]> {
  const checks = await Promise.all(pdus.map((received) => checkSignatures(app, received)));
  return checks.map((check, n) => ("fault" in check ? { ...check, eventId: pdus[n]?.event.eventId ?? "" } : check));
}

/** Whether any of the server's signatures is valid (server-server API, "Validating hashes and signatures on received events"). */
export async function isSignedBy(app: KeysApp, { event, signingText }: ReceivedPdu, server: string): Promise<boolean> {
  const validUntil = event.version.keyValidityEnforced ? event.originServerTs : 0;
  for (const [keyId, signature] of signaturesBy(event.pdu, server)) {
    const found = app.federation.keys.get(server, keyId, validUntil);
    // mostly it is in memory, and there is one for each event
    const key = found instanceof Promise ? await found : found;
    if (key?.verifies(signingText, signature)) return true;
  }
  return false;
}

/** As checkPdu for many, parallel to the request. */
export function checkPdus(app: KeysApp, version: RoomVersion, pdus: readonly JsonValue[]): Promise<PduCheck[]> {
  return inSlices(pdus, (pdu) => checkPdu(app, version, pdu));
}

/** Checks many, parallel to the request, in slices so that other requests have their turn. */
export async function inSlices<C>(pdus: readonly JsonValue[], check: (pdu: JsonValue) => Promise<C>): Promise<C[]> {
  const checks: C[] = [];
  for (let at = 0; at < pdus.length; at += CHUNK) {
    if (at > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
    checks.push(...(await Promise.all(pdus.slice(at, at + CHUNK).map(check))));
  }
  return checks;
}

/** Those that are events of the room, each once; what is wrong with the others is nobody's business. */
export async function goodPdus(app: KeysApp, version: RoomVersion, roomId: string, pdus: readonly JsonValue[]): Promise<GoodPdu[]> {
  const good = new Map<string, GoodPdu>();
  for (const check of await checkPdus(app, version, pdus)) {
    if (!("fault" in check) && check.event.roomId === roomId) good.set(check.event.eventId, check);
  }
  return [...good.values()];
}

export type GoodPdu = Exclude<PduCheck, { readonly fault: MatrixError }>;

export function requireGood(check: PduCheck): GoodPdu {
  if ("fault" in check) throw check.fault;
  return check;
}
