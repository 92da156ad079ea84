import { createLru } from "../lib/lru";
import type { TokenOwner } from "../storage/accessTokens";
import type { CacheStats } from "./cache";

/** A token that was presented lately: who it stands for, and what was noted of its use. */
export interface CachedToken {
  readonly owner: TokenOwner;
  /** Whether the first use of a refreshed token has been recorded. */
  used: boolean;
  /** When and from where activity was last noted, so that most requests note nothing. */
  seenTs: number;
  seenIp: string;
  activeTs: number;
}

export interface TokenCache {
  readonly stats: CacheStats;
  get(token: string): CachedToken | undefined;
  /** Loads a token that is not here; concurrent loads share one read. Unknown tokens are not kept. */
  load(token: string): Promise<CachedToken | undefined>;
  forgetUser(userId: string): void;
  clear(): void;
}

/** Which tokens are cached of whom. */
class TokensByUser {
  private readonly users = new Map<string, Set<string>>();

  of(userId: string): readonly string[] {
    return [...(this.users.get(userId) ?? [])];
  }

  add(userId: string, token: string): void {
    const own = this.users.get(userId);
    if (own) own.add(token);
    else this.users.set(userId, new Set([token]));
  }

  remove(userId: string, token: string): void {
    const own = this.users.get(userId);
    own?.delete(token);
    if (own?.size === 0) this.users.delete(userId);
  }
}

/** Access tokens by their text, and which of them belong to a user, so that a logout anywhere drops just those. */
export function createTokenCache(max: number, read: (token: string) => Promise<TokenOwner | undefined>): TokenCache {
  const byUser = new TokensByUser();
  const loading = new Map<string, Promise<CachedToken | undefined>>();
  // Counts invalidations: a read that began before one may have seen the old rows, so its result is used once and not kept.
  let generation = 0;
  const tokens = createLru<string, CachedToken>(max, ({ owner }, token, reason) => {
    if (reason === "evict") stats.evictions++;
    if (reason !== "set") byUser.remove(owner.userId, token);
  });
  const stats: CacheStats = { name: "access_tokens", hits: 0, misses: 0, evictions: 0, size: () => tokens.size, max };

  async function loadNow(token: string): Promise<CachedToken | undefined> {
    const began = generation;
    const owner = await read(token);
    if (!owner) return undefined;
    const entry: CachedToken = { owner, used: owner.used, seenTs: 0, seenIp: "", activeTs: 0 };
    if (began === generation) {
      tokens.set(token, entry);
      byUser.add(owner.userId, token);
    }
    return entry;
  }

  function startLoading(token: string): Promise<CachedToken | undefined> {
    const promise = loadNow(token).finally(() => {
      if (loading.get(token) === promise) loading.delete(token);
    });
    loading.set(token, promise);
    return promise;
  }

  /** Whoever asks from now on must not be served by a read that is under way. */
  function outdate(): void {
    generation++;
    loading.clear();
  }

  return {
    stats,
    get(token) {
      const entry = tokens.get(token);
      if (entry) stats.hits++;
      else stats.misses++;
      return entry;
    },
    load: (token) => loading.get(token) ?? startLoading(token),
    forgetUser(userId) {
      outdate();
      for (const token of byUser.of(userId)) tokens.delete(token);
    },
    clear() {
      outdate();
      tokens.clear();
    },
  };
}
