import { type KeyObject, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { canonicalJson } from "../lib/canonicalJson";
import { type JsonObject, isJsonObject, own } from "../lib/json";
import type { SigningKey } from "./event";

/** A key with its public half and its seed, as the key file holds it. */
export interface OwnSigningKey extends SigningKey {
  /** Unpadded base64 of the 32 bytes. */
  readonly publicKey: string;
  readonly seed: string;
}

/** The public half of somebody's ed25519 key. */
export interface VerifyKey {
  /** Whether the base64 signature is this key's over the UTF-8 bytes of text. */
  verifies(text: string, signature: string): boolean;
}

// DER headers before the 32 bytes of a seed (RFC 8410, PKCS #8) and of a public key (SPKI).
const PKCS8_HEADER = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEADER = Buffer.from("302a300506032b6570032100", "hex");
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Bytes as standard base64 without padding. */
export function unpaddedBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  return text.endsWith("=") ? text.slice(0, text.indexOf("=")) : text;
}

/** Makes a signing key from its 32-byte seed. `keyId` is such as `ed25519:a_abcd`. Throws RangeError for a seed of another length. */
export function signingKeyFromSeed(serverName: string, keyId: string, seed: Uint8Array): OwnSigningKey {
  if (seed.length !== KEY_BYTES) throw new RangeError("an ed25519 seed has 32 bytes");
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    serverName,
    keyId,
    publicKey: unpaddedBase64(spki.subarray(-KEY_BYTES)),
    seed: unpaddedBase64(seed),
    sign: (text) => unpaddedBase64(sign(null, Buffer.from(text), privateKey)),
  };
}

/** Reads a public key in base64 of any alphabet and padding; undefined when it is not an ed25519 key. */
export function verifyKeyFromBase64(publicKey: string): VerifyKey | undefined {
  const bytes = Buffer.from(publicKey, "base64");
  if (bytes.length !== KEY_BYTES) return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.concat([SPKI_HEADER, bytes]), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
  return { verifies: (text, signature) => verifySignature(key, text, signature) };
}

function verifySignature(key: KeyObject, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64");
  return bytes.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), key, bytes);
}

/** What a signature of a JSON object covers: its canonical form without `signatures` and `unsigned`. */
export function signedTextOf(object: JsonObject): string {
  const { signatures: _signatures, unsigned: _unsigned, ...rest } = object;
  return canonicalJson(rest);
}

/** The object with a signature by `key` added (specification: appendices, "Signing JSON"). */
export function signJson<T extends JsonObject>(object: T, key: SigningKey): T & { signatures: JsonObject } {
  return { ...object, signatures: withSignature(object["signatures"], key, key.sign(signedTextOf(object))) };
}

/** A `signatures` object with one more signature in it. */
export function withSignature(signatures: unknown, key: SigningKey, signature: string): JsonObject {
  const all = isJsonObject(signatures) ? signatures : {};
  const ours = own(all, key.serverName);
  return { ...all, [key.serverName]: { ...(isJsonObject(ours) ? ours : {}), [key.keyId]: signature } };
}

/** The signatures of one server on an object: ed25519 key id to base64. Other algorithms are left out, as the specification wants. */
export function signaturesBy(object: JsonObject, serverName: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const signatures = own(object, "signatures");
  const byServer = isJsonObject(signatures) ? own(signatures, serverName) : undefined;
  if (!isJsonObject(byServer)) return found;
  for (const [keyId, signature] of Object.entries(byServer)) {
    if (keyId.startsWith("ed25519:") && typeof signature === "string") found.set(keyId, signature);
  }
  return found;
}

/** Whether `object` carries a valid signature of that server by that key. */
export function verifyJson(
  object: JsonObject,
  signer: { readonly serverName: string; readonly keyId: string; readonly key: VerifyKey },
): boolean {
  const signature = signaturesBy(object, signer.serverName).get(signer.keyId);
  return signature !== undefined && signer.key.verifies(signedTextOf(object), signature);
}
