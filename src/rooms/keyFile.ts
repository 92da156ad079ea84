import { type OwnSigningKey, signingKeyFromSeed } from "./signing";

/** A key that no longer signs, as `old_signing_keys` of the configuration names it. */
export interface OldVerifyKey {
  /** Unpadded base64. */
  readonly key: string;
  /** Milliseconds since the epoch from which on it must not be trusted. */
  readonly expiredTs: number;
}

/**
 * Parses Synapse's signing key file: a line per key, `ed25519 <version> <seed in base64>`; empty lines and comments are skipped.
 * The first key signs, all of them are published. Throws Error with the line number.
 */
export function parseSigningKeys(serverName: string, text: string): OwnSigningKey[] {
  const keys: OwnSigningKey[] = [];
  text.split("\n").forEach((line, index) => {
    const words = line.trim().split(/\s+/);
    if (words[0] === "" || words[0]?.startsWith("#")) return;
    const [algorithm, version, seed] = words;
    const bytes = Buffer.from(seed ?? "", "base64");
    if (algorithm !== "ed25519" || version === undefined || bytes.length !== 32 || words.length !== 3) {
      throw new Error(`signing key file, line ${index + 1}: expected "ed25519 <version> <32 bytes in base64>"`);
    }
    keys.push(signingKeyFromSeed(serverName, `ed25519:${version}`, bytes));
  });
  if (keys.length === 0) throw new Error("the signing key file holds no key");
  return keys;
}

/** The text of a signing key file with these keys. */
export function formatSigningKeys(keys: readonly OwnSigningKey[]): string {
  return keys.map(({ keyId, seed }) => `${keyId.replace(":", " ")} ${seed}\n`).join("");
}

/** The line that moves a key to `old_signing_keys`: `"ed25519:<version>": { key: "<public key>", expired_ts: <ms> }`. */
export function formatOldSigningKey({ keyId, publicKey }: OwnSigningKey, expiredTs: number): string {
  return `"${keyId}": { key: "${publicKey}", expired_ts: ${expiredTs} }`;
}
