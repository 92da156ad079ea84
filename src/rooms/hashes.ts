import { hash } from "node:crypto";
import { canonicalJson, canonicalKeys, quote } from "../lib/canonicalJson";
import { type JsonObject, own } from "../lib/json";
import type { Pdu } from "./event";
import { redactContent } from "./redact";
import type { RoomVersion } from "./versions";

/** One member of an event's canonical form, so that the texts that are hashed, signed and stored are put together without walking it again. */
export interface Member {
  readonly key: string;
  /** `"key":value` in canonical JSON. */
  readonly text: string;
}

/** The members of a PDU in canonical order. */
export function canonicalMembers(pdu: JsonObject): Member[] {
  const members: Member[] = [];
  for (const key of canonicalKeys(pdu)) {
    const value = pdu[key];
    if (value !== undefined) members.push({ key, text: `${quote(key)}:${canonicalJson(value)}` });
  }
  return members;
}

/** The whole event: what is stored, sent and measured. */
export function fullText(members: readonly Member[]): string {
  return joined(members.map(({ text }) => text));
}

/** What the content hash covers: everything but `hashes`, `signatures` and `unsigned`. */
export function contentHashText(members: readonly Member[]): string {
  return joined(members.flatMap(({ key, text }) => (key === "hashes" || key === "signatures" || key === "unsigned" ? [] : [text])));
}

/** What signatures and the reference hash cover: the redacted event without `signatures` and `unsigned`. */
export function signingText(version: RoomVersion, members: readonly Member[], pdu: Pick<Pdu, "type" | "content">): string {
  const { topLevel } = version.redaction;
  const texts: string[] = [];
  for (const { key, text } of members) {
    if (!topLevel.has(key) || key === "signatures") continue;
    texts.push(key === "content" ? contentText(version, pdu, text) : text);
  }
  return joined(texts);
}

function contentText(version: RoomVersion, { type, content }: Pick<Pdu, "type" | "content">, unredacted: string): string {
  const redacted = redactContent(version, type, content);
  return redacted === content ? unredacted : `"content":${canonicalJson(redacted)}`;
}

const joined = (texts: readonly string[]): string => `{${texts.join(",")}}`;

/** SHA-256 in base64 without padding. */
export function sha256(text: string, alphabet: "base64" | "base64url" = "base64"): string {
  const digest = hash("sha256", text, alphabet);
  return alphabet === "base64" ? digest.slice(0, -1) : digest;
}

/** The content hash of an event (specification: server-server API, "Calculating the content hash for an event"). Unpadded base64. */
export function contentHash(pdu: Pdu): string {
  return sha256(contentHashText(canonicalMembers(pdu)));
}

/** The reference hash (specification: "Calculating the reference hash for an event"). Unpadded base64. */
export function referenceHash(version: RoomVersion, pdu: Pdu): string {
  return sha256(signingText(version, canonicalMembers(pdu), pdu));
}

/** Whether the event is whole: a failed check means that only the redacted copy is to be trusted. */
export function checkContentHash(pdu: Pdu): boolean {
  return hashMatches(pdu, contentHash(pdu));
}

function hashMatches(pdu: Pdu, expected: string): boolean {
  const claimed = own(pdu.hashes, "sha256");
  return typeof claimed === "string" && Buffer.from(claimed, "base64").equals(Buffer.from(expected, "base64"));
}

/** The id of an event: carried in versions 1 and 2, otherwise `$` and its reference hash. */
export function eventIdOf(version: RoomVersion, pdu: Pdu): string {
  if (version.eventIds === "opaque") return pdu.event_id ?? "";
  return eventIdFrom(version.eventIds, signingText(version, canonicalMembers(pdu), pdu));
}

/** The id of an event whose signing text is at hand. */
export function eventIdFrom(alphabet: "base64" | "base64url", signingText: string): string {
  return `$${sha256(signingText, alphabet)}`;
}

/** All that receiving a PDU needs of its canonical form, found in one walk. */
export interface Digest {
  readonly eventId: string;
  /** What the signatures cover. */
  readonly signingText: string;
  readonly contentHashMatches: boolean;
  /** Canonical JSON of the whole event. */
  readonly json: string;
}

/** Digests an event that passed `checkPduShape`. */
export function digest(version: RoomVersion, pdu: Pdu): Digest {
  const members = canonicalMembers(pdu);
  const text = signingText(version, members, pdu);
  return {
    eventId: version.eventIds === "opaque" ? (pdu.event_id ?? "") : eventIdFrom(version.eventIds, text),
    signingText: text,
    contentHashMatches: hashMatches(pdu, sha256(contentHashText(members))),
    json: fullText(members),
  };
}
