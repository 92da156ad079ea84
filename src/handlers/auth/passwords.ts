import { availableParallelism } from "node:os";
import bcrypt from "bcrypt";
import { limitExceeded } from "../../errors";
import { createLimiter, LimiterFull } from "../../lib/limiter";

/** bcrypt looks at so many bytes and at no more; what follows never counted, on any server. */
const BCRYPT_BYTES = 72;

/** Beyond these a caller is told to come back: with 12 rounds the last one has waited for about a minute. */
const MAX_WAITING = 256;

export interface PasswordHasher {
  hash(password: string): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}

/**
 * Hashes passwords off the event loop. bcrypt runs on the thread pool that file and name lookups share, so one thread is left to
 * them. Throws 429 M_LIMIT_EXCEEDED when too many wait.
 */
export function createPasswordHasher(options: { readonly rounds: number; readonly pepper: string }): PasswordHasher {
  const limiter = createLimiter(Math.max(1, Math.min(3, availableParallelism())), MAX_WAITING);

  function prepare(password: string): Buffer {
    return Buffer.from(password.normalize("NFKC") + options.pepper, "utf8").subarray(0, BCRYPT_BYTES);
  }

  async function bounded<T>(task: () => Promise<T>): Promise<T> {
    try {
      return await limiter.run(task);
    } catch (error) {
      if (error instanceof LimiterFull) throw limitExceeded(1_000);
      throw error;
    }
  }

  return {
    hash: (password) => bounded(() => bcrypt.hash(prepare(password), options.rounds)),
    verify: (password, hash) => bounded(() => bcrypt.compare(prepare(password), hash)),
  };
}
