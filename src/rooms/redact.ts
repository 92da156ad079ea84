import { type JsonObject, isJsonObject, own } from "../lib/json";
import type { Pdu } from "./event";
import type { RoomVersion } from "./versions";

/** The event without what its version does not protect (specification: rooms, "Redactions"). Signatures and `hashes` stay valid. */
export function redact(version: RoomVersion, pdu: Pdu): Pdu {
  const redacted: JsonObject = {};
  for (const key of Object.keys(pdu)) if (version.redaction.topLevel.has(key)) redacted[key] = pdu[key];
  if (isJsonObject(pdu.content)) redacted["content"] = redactContent(version, pdu.type, pdu.content);
  return redacted as Pdu;
}

/** The content that redaction leaves. */
export function redactContent(version: RoomVersion, type: string, content: JsonObject): JsonObject {
  const kept = Object.hasOwn(version.redaction.content, type) ? version.redaction.content[type] : undefined;
  if (kept === "all") return content;
  const redacted: JsonObject = {};
  for (const key of kept ?? []) {
    const value = own(content, key);
    if (value !== undefined) redacted[key] = value;
  }
  if (version.redaction.keepsThirdPartySigned && type === "m.room.member") keepSigned(content, redacted);
  return redacted;
}

function keepSigned(content: JsonObject, redacted: JsonObject): void {
  const invite = own(content, "third_party_invite");
  if (!isJsonObject(invite)) return;
  const signed = own(invite, "signed");
  if (signed !== undefined) redacted["third_party_invite"] = { signed };
}
