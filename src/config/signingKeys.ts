import type { Random } from "../lib/random";
import type { OwnSigningKey } from "../rooms/signing";
import { signingKeyFromSeed } from "../rooms/signing";

/** A new signing key, with an id such as `ed25519:a_XyZw`. */
export function generateSigningKey(serverName: string, random: Random): OwnSigningKey {
  return signingKeyFromSeed(serverName, `ed25519:a_${random.letters(4)}`, random.bytes(32));
}
