import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Random } from "../../lib/random";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function base62(n: number, minWidth: number): string {
  let text = "";
  for (let rest = n; rest > 0; rest = Math.floor(rest / 62)) text = BASE62.charAt(rest % 62) + text;
  return text.padStart(minWidth, "0");
}

/** `_` and the CRC-32 of what stands before it: mistyped and made-up tokens are told apart without a look into the database. */
function withChecksum(base: string): string {
  return `${base}_${base62(crc32(base), 6)}`;
}

/** `syt_<localpart in base64>_<20 letters>_<crc>`. Proxies spread users over workers by the second part. */
export function newAccessToken(random: Random, localpart: string): string {
  const user = Buffer.from(localpart).toString("base64").replace(/=+$/, "");
  return withChecksum(`syt_${user}_${random.letters(20)}`);
}

export const newRefreshToken = (random: Random, localpart: string): string => {
  const user = Buffer.from(localpart).toString("base64").replace(/=+$/, "");
  return withChecksum(`syr_${user}_${random.letters(20)}`);
};

export const newLoginToken = (random: Random): string => withChecksum(`syl_${random.letters(32)}`);

/** Whether the text cannot be a token that this server made. Tokens of other shapes (imported ones) may be anything. */
export function isGarbled(token: string): boolean {
  if (!/^sy[trl]_/.test(token)) return false;
  const end = token.lastIndexOf("_");
  return withChecksum(token.slice(0, end)) !== token;
}

/** How tokens are stored and looked up. */
export function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
