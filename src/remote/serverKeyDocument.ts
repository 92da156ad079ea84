import { canonicalJson } from "../lib/canonicalJson";
import { isJsonObject, own } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import { signaturesBy, verifyJson, verifyKeyFromBase64 } from "../rooms/signing";
import type { ServerKeyRow } from "../storage/serverKeys";

/** Each key is stored with the document that it came in, so that what a server may make us keep grows with their product. */
const MAX_KEYS = 100;
export const MAX_DOCUMENT_BYTES = 64 * 1024;

/**
 * The keys of an answer to `GET /_matrix/key/v2/server`, or of one entry of a notary's answer, if it is by that server and signed with
 * one of its present keys; undefined otherwise, and where it is too large. Old keys count until they expired.
 */
export function readKeyDocument(value: JsonValue | undefined, serverName: string, fetchedTs: number): ServerKeyRow[] | undefined {
  if (!isJsonObject(value) || own(value, "server_name") !== serverName) return undefined;
  const validUntil = own(value, "valid_until_ts");
  if (typeof validUntil !== "number" || !Number.isSafeInteger(validUntil)) return undefined;
  const document = canonicalJson(value);
  if (Buffer.byteLength(document) > MAX_DOCUMENT_BYTES) return undefined;
  const [present, old] = [keysIn(own(value, "verify_keys")), keysIn(own(value, "old_verify_keys"))];
  if (present.size + old.size > MAX_KEYS || !isSignedByOne(value, serverName, present)) return undefined;
  const row = (keyId: string, publicKey: string, until: number): ServerKeyRow => ({
    serverName,
    keyId,
    publicKey,
    validUntil: until,
    fetchedTs,
    document,
  });
  const rows = new Map<string, ServerKeyRow>();
  for (const [keyId, { key, expiredTs }] of old) {
    if (expiredTs !== undefined) rows.set(keyId, row(keyId, key, expiredTs));
  }
  for (const [keyId, { key }] of present) rows.set(keyId, row(keyId, key, validUntil));
  return [...rows.values()];
}

interface PublishedKey {
  readonly key: string;
  readonly expiredTs: number | undefined;
}

const MAX_KEY_ID = 255;

/** Keys of other algorithms are left out, as the specification wants. */
function keysIn(value: JsonValue | undefined): Map<string, PublishedKey> {
  const found = new Map<string, PublishedKey>();
  if (!isJsonObject(value)) return found;
  for (const [keyId, entry] of Object.entries(value)) {
    if (!keyId.startsWith("ed25519:") || keyId.length > MAX_KEY_ID || keyId.includes("\0") || !isJsonObject(entry)) continue;
    const key = own(entry, "key");
    const expired = own(entry, "expired_ts");
    if (typeof key === "string" && verifyKeyFromBase64(key)) {
      found.set(keyId, { key, expiredTs: typeof expired === "number" && Number.isSafeInteger(expired) ? expired : undefined });
    }
  }
  return found;
}

function isSignedByOne(document: JsonObject, serverName: string, keys: ReadonlyMap<string, PublishedKey>): boolean {
  let verified = false;
  for (const keyId of signaturesBy(document, serverName).keys()) {
    const published = keys.get(keyId);
    const key = published && verifyKeyFromBase64(published.key);
    if (!key) continue;
    if (!verifyJson(document, { serverName, keyId, key })) return false;
    verified = true;
  }
  return verified;
}
