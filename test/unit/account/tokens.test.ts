import { createTokenCache } from "../../../src/caches/accessTokens";
import { hashToken, isGarbled, newAccessToken, newLoginToken, newRefreshToken } from "../../../src/handlers/auth/tokenFormat";
import { systemRandom } from "../../../src/lib/random";
import type { TokenOwner } from "../../../src/storage/accessTokens";

const ownerOf = (userId: string): TokenOwner => ({
  tokenId: 1,
  userId,
  deviceId: "D",
  validUntilTs: null,
  issuedBy: null,
  refreshTokenId: null,
  used: true,
  isGuest: false,
  admin: false,
  deactivated: false,
  locked: false,
  suspended: false,
  shadowBanned: false,
  approved: true,
  appserviceId: null,
  expiresTs: null,
  userType: null,
  createdTs: 0,
  messagesPerSecond: null,
  burstCount: null,
});

test("tokens name their user and carry a checksum", () => {
  const token = newAccessToken(systemRandom, "alice");
  expect(token).toMatch(/^syt_YWxpY2U_[a-zA-Z]{20}_[0-9A-Za-z]{6}$/);
  for (const good of [token, newRefreshToken(systemRandom, "bob"), newLoginToken(systemRandom)]) {
    expect(isGarbled(good)).toBe(false);
    expect(isGarbled(`${good}x`)).toBe(true);
    expect(isGarbled(good.replace(/.(?=_[^_]+$)/, "0"))).toBe(true);
  }
});

test("tokens of another shape may be anything, and only hashes are stored", () => {
  expect(isGarbled("MDAxanything")).toBe(false);
  expect(hashToken("a")).toHaveLength(32);
});

describe("the cache of tokens", () => {
  test("loads a token once, and forgets all tokens of a user", async () => {
    let reads = 0;
    const cache = createTokenCache(10, async (token) => (reads++, ownerOf(token.startsWith("a") ? "@a:x" : "@b:x")));
    await Promise.all([cache.load("a1"), cache.load("a1"), cache.load("a2"), cache.load("b1")]);
    expect(reads).toBe(3);
    expect(cache.get("a1")?.owner.userId).toBe("@a:x");
    cache.forgetUser("@a:x");
    expect([cache.get("a1"), cache.get("a2"), cache.get("b1")?.owner.userId]).toEqual([undefined, undefined, "@b:x"]);
  });

  test("does not keep what a logout overtook, nor serve it to who asks later", async () => {
    const answers: ((owner: TokenOwner | undefined) => void)[] = [];
    const cache = createTokenCache(10, () => new Promise((resolve) => answers.push(resolve)));
    const early = cache.load("t");
    cache.forgetUser("@a:x");
    const late = cache.load("t");
    answers[0]?.(ownerOf("@a:x"));
    answers[1]?.(undefined);
    expect((await early)?.owner.userId).toBe("@a:x");
    expect(await late).toBeUndefined();
    expect(cache.get("t")).toBeUndefined();
  });

  test("does not remember tokens that nobody knows, and stays within its bound", async () => {
    const cache = createTokenCache(2, async (token) => (token === "none" ? undefined : ownerOf("@a:x")));
    expect(await cache.load("none")).toBeUndefined();
    for (const token of ["1", "2", "3"]) await cache.load(token);
    expect([cache.stats.size(), cache.stats.evictions, cache.get("1")]).toEqual([2, 1, undefined]);
    cache.forgetUser("@a:x");
    expect(cache.stats.size()).toBe(0);
  });
});
