import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, forbidden } from "../../errors";
import { canonicalJson } from "../../lib/canonicalJson";
import { isJsonObject, own } from "../../lib/json";
import { parseLosslessJson } from "../../lib/jsonLossless";
import { FederationError } from "../../remote/federationErrors";
import type { RoomEvent } from "../../rooms/event";
import { type ReceivedPdu, readPdu } from "../../rooms/readPdu";
import { type VerifyKey, signaturesBy, verifyKeyFromBase64 } from "../../rooms/signing";
import type { CheckedPdu } from "../../writers/checkedPdu";
import type { App } from "../app";
import { oftenAskedEvent } from "../rooms/access";
import { askPolicySignature } from "./asks";

type PolicyApp = Pick<App, "caches" | "federation" | "log" | "serverName">;

/** The server that a room has ask about its events (client-server API, "Policy servers"). */
export interface PolicyServer {
  readonly name: string;
  readonly key: VerifyKey;
}

const KEY_ID = "ed25519:policy_server";

/** The policy server of a room. Undefined where none is named in due form, where nobody of it is in the room, and where it would be us. */
export async function policyServerOf(app: Pick<App, "caches" | "serverName">, room: RoomInfo): Promise<PolicyServer | undefined> {
  const event = await oftenAskedEvent(app, room, "m.room.policy");
  if (!event) return undefined;
  const [name, keys] = [own(event.shown.content, "via"), own(event.shown.content, "public_keys")];
  const text = isJsonObject(keys) ? own(keys, "ed25519") : undefined;
  if (typeof name !== "string" || typeof text !== "string" || name === app.serverName) return undefined;
  const key = verifyKeyFromBase64(text);
  const { hosts } = await app.caches.memberships.ofRoom(room.nid);
  return key && hosts.has(name) ? { name, key } : undefined;
}

/** The policy server has no say in its own appointment. */
export const needsPolicySignature = ({
  type,
  stateKey,
}: {
  readonly type: string;
  readonly stateKey?: string | null | undefined;
}): boolean => type !== "m.room.policy" || stateKey !== "";

function hasSignature({ key }: PolicyServer, { signingText }: ReceivedPdu, signatures: ReadonlyMap<string, string>): boolean {
  const signature = signatures.get(KEY_ID);
  return signature !== undefined && key.verifies(signingText, signature);
}

/** The event with the policy server's signature: as it came, or as the server now gives it. Undefined where it gives none; throws where it cannot be asked. */
async function signedByPolicy(app: PolicyApp, policy: PolicyServer, received: ReceivedPdu): Promise<CheckedPdu | undefined> {
  const { event, json } = received;
  if (hasSignature(policy, received, signaturesBy(event.pdu, policy.name))) return { eventId: event.eventId, json };
  const answer = await askPolicySignature(app, policy.name, json);
  const given = signaturesBy({ signatures: answer }, policy.name);
  if (!hasSignature(policy, received, given)) return undefined;
  const signatures = isJsonObject(event.pdu.signatures) ? event.pdu.signatures : {};
  const known = own(signatures, policy.name);
  // it may be the server of the sender, too
  const all = { ...signatures, [policy.name]: { ...(isJsonObject(known) ? known : {}), [KEY_ID]: given.get(KEY_ID) ?? "" } };
  return { eventId: event.eventId, json: canonicalJson({ ...event.pdu, signatures: all }) };
}

/** An event of another server, and what the room's policy server makes of it: `suspect` where it does not want it, or does not answer. */
export interface AfterPolicy {
  readonly checked: CheckedPdu;
  readonly suspect: boolean;
}

interface BeforePolicy {
  readonly checked: CheckedPdu;
  readonly event: RoomEvent;
  readonly received: ReceivedPdu;
}

export async function afterPolicy(app: PolicyApp, room: RoomInfo, pdu: BeforePolicy): Promise<AfterPolicy> {
  const policy = await policyServerOf(app, room);
  return policy ? judgedBy(app, policy, room, pdu) : { checked: pdu.checked, suspect: false };
}

/** As afterPolicy for many, parallel to them. */
export async function allAfterPolicy(app: PolicyApp, room: RoomInfo, pdus: readonly BeforePolicy[]): Promise<AfterPolicy[]> {
  const policy = await policyServerOf(app, room);
  return policy
    ? Promise.all(pdus.map((pdu) => judgedBy(app, policy, room, pdu)))
    : pdus.map(({ checked }) => ({ checked, suspect: false }));
}

async function judgedBy(app: PolicyApp, policy: PolicyServer, room: RoomInfo, pdu: BeforePolicy): Promise<AfterPolicy> {
  const { checked, event, received } = pdu;
  if (!needsPolicySignature(event)) return { checked, suspect: false };
  try {
    const signed = await signedByPolicy(app, policy, received);
    return { checked: signed ?? checked, suspect: !signed };
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    app.log("synapse.handlers.room_policy").info("an event has no signature of the room's policy server", { roomId: room.roomId, error });
    return { checked, suspect: true };
  }
}

/** An event of ours with the policy server's signature. 403 where it refuses, 502 where it cannot be asked: others would not show the event. */
export async function withPolicySignature(app: PolicyApp, room: RoomInfo, { eventId, json }: CheckedPdu): Promise<CheckedPdu> {
  const policy = await policyServerOf(app, room);
  if (!policy) return { eventId, json };
  const received = readPdu(room.version, parseLosslessJson(json));
  if ("fault" in received) throw new Error(`an event of ours is none: ${received.fault.message}`);
  try {
    const signed = await signedByPolicy(app, policy, received);
    if (signed) return signed;
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    if (!(error instanceof FederationError) || error.status >= 500)
      throw new MatrixError(502, "M_UNKNOWN", "The room's policy server cannot be asked");
  }
  throw forbidden("The room's policy server does not want this event");
}
