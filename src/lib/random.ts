import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** Randomness, injected so that tests can repeat it. Nothing else makes random values (lint enforces it). */
export interface Random {
  bytes(length: number): Buffer;
  /** `length` letters a-z and A-Z. */
  letters(length: number): string;
  /** `length` characters out of `alphabet`. */
  string(length: number, alphabet: string): string;
  uuid(): string;
  /** A float in [0, 1), for jitter. */
  fraction(): number;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function randomString(length: number, alphabet: string): string {
  let text = "";
  for (let i = 0; i < length; i++) text += alphabet[randomInt(alphabet.length)];
  return text;
}

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  letters: (length) => randomString(length, LETTERS),
  string: randomString,
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};
