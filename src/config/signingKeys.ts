import type { Random } from "../lib/random";

/** An ed25519 signing key as its file has it. */
export interface SigningKeySeed {
  /** Such as `ed25519:a_abcd`. */
  readonly keyId: string;
  /** 32 bytes. */
  readonly seed: Buffer;
}

const LINE = /^(\S+)\s+(\S+)\s+(\S+)$/;

/** Keys out of lines of the form `ed25519 <version> <unpadded base64 of the 32 byte seed>`. Throws an Error that says what is wrong. */
export function parseSigningKeys(text: string): SigningKeySeed[] {
  const keys: SigningKeySeed[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    keys.push(parseLine(line, index + 1));
  }
  if (keys.length === 0) throw new Error("holds no signing key");
  return keys;
}

function parseLine(line: string, number: number): SigningKeySeed {
  const [, algorithm, version, encoded] = LINE.exec(line) ?? [];
  if (algorithm === undefined || version === undefined || encoded === undefined) {
    throw new Error(`line ${number}: not of the form "ed25519 <version> <seed>"`);
  }
  if (algorithm !== "ed25519") throw new Error(`line ${number}: unknown algorithm ${JSON.stringify(algorithm)}, only ed25519 is known`);
  if (!/^\w+$/.test(version)) throw new Error(`line ${number}: the version may hold letters, digits and underscores only`);
  const seed = Buffer.from(encoded, "base64");
  if (seed.length !== 32) throw new Error(`line ${number}: the seed has ${seed.length} bytes instead of 32`);
  return { keyId: `ed25519:${version}`, seed };
}

/** A new key, with a version such as `a_XyZw`. */
export function generateSigningKey(random: Random): SigningKeySeed {
  return { keyId: `ed25519:a_${random.letters(4)}`, seed: random.bytes(32) };
}

/** The line of a signing key file, with its line end. */
export function formatSigningKey(key: SigningKeySeed): string {
  const [algorithm = "ed25519", version = ""] = key.keyId.split(":");
  return `${algorithm} ${version} ${key.seed.toString("base64").replace(/=+$/, "")}\n`;
}
