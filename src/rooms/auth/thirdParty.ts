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
  return isSignedByAny(signed, publicKeysOf(invitation)) ? allow : reject("third-party invite: no valid signature");
}

/** `content.third_party_invite.signed` */
export function signedPart(content: JsonObject): JsonObject | undefined {
  const invite = own(content, "third_party_invite");
  const signed = isJsonObject(invite) ? own(invite, "signed") : undefined;
  return isJsonObject(signed) ? signed : undefined;
}

function publicKeysOf({ content }: RoomEvent): string[] {
  const keys = [own(content, "public_key")];
  const list = own(content, "public_keys");
  if (Array.isArray(list)) for (const item of list) if (isJsonObject(item)) keys.push(own(item, "public_key"));
  return keys.filter((key) => typeof key === "string");
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
