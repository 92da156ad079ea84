import { type JsonObject, isJsonObject, own } from "../../lib/json";
import { type RoomEvent, type Verdict, allow, reject } from "../event";
import { signedTextOf, verifyKeyFromBase64 } from "../signing";
import type { MemberContext } from "./member";

/** No honest invite needs more than a few; each costs about 0.15 ms, and an event could hold enough for half a minute. */
const MAX_VERIFICATIONS = 100;

/** An invite that an identity server has bound to a user: the state must hold the invitation and one of its keys must have signed. */
export function checkThirdPartyInvite({ event, target, state, membership }: MemberContext): Verdict {
  if (membership(target) === "ban") return reject("third-party invite: target is banned");
  const signed = signedPart(event.content);
  if (!signed) return reject("third-party invite: nothing signed");
  const mxid = own(signed, "mxid");
  const token = own(signed, "token");
  if (mxid === undefined || typeof token !== "string") return reject("third-party invite: no mxid or token");
  if (mxid !== target) return reject("third-party invite: for somebody else");
  const invitation = state("m.room.third_party_invite", token);
  if (!invitation) return reject("third-party invite: unknown token");
  if (invitation.sender !== event.sender) return reject("third-party invite: sender did not invite");
  return isSignedByAny(
    signed,
    keysOf(invitation).map(({ publicKey }) => publicKey),
  )
    ? allow
    : reject("third-party invite: no valid signature");
}

/** `content.third_party_invite.signed` */
export function signedPart(content: JsonObject): JsonObject | undefined {
  const invite = own(content, "third_party_invite");
  const signed = isJsonObject(invite) ? own(invite, "signed") : undefined;
  return isJsonObject(signed) ? signed : undefined;
}

/** A key that may sign for the invited person. */
export interface InvitationKey {
  readonly publicKey: string;
  /** Where its identity server says whether it has been revoked. */
  readonly validityUrl: string | undefined;
}

function keysOf({ content }: RoomEvent): InvitationKey[] {
  const list = own(content, "public_keys");
  return [content, ...(Array.isArray(list) ? list : [])].flatMap((item): InvitationKey[] => {
    if (!isJsonObject(item)) return [];
    const [publicKey, url] = [own(item, "public_key"), own(item, "key_validity_url")];
    return typeof publicKey === "string" ? [{ publicKey, validityUrl: typeof url === "string" ? url : undefined }] : [];
  });
}

/** The keys of an invitation that have signed, in no more attempts than an honest one needs. */
export function keysThatSigned(signed: JsonObject, invitation: RoomEvent): InvitationKey[] {
  const keys = keysOf(invitation).slice(0, MAX_VERIFICATIONS);
  return keys.filter(({ publicKey }) => isSignedByAny(signed, [publicKey]));
}

function isSignedByAny(signed: JsonObject, publicKeys: readonly string[]): boolean {
  const text = signedTextOf(signed);
  const signatures = allSignatures(signed);
  let left = MAX_VERIFICATIONS;
  for (const publicKey of new Set(publicKeys)) {
    const key = verifyKeyFromBase64(publicKey);
    if (!key) continue;
    for (const signature of signatures) {
      if (left-- <= 0) return false;
      if (key.verifies(text, signature)) return true;
    }
  }
  return false;
}

function allSignatures(signed: JsonObject): string[] {
  const found: string[] = [];
  const signatures = own(signed, "signatures");
  for (const byServer of isJsonObject(signatures) ? Object.values(signatures) : []) {
    if (!isJsonObject(byServer)) continue;
    for (const [keyId, signature] of Object.entries(byServer)) {
      if (keyId.startsWith("ed25519:") && typeof signature === "string") found.push(signature);
    }
  }
  return found;
}
