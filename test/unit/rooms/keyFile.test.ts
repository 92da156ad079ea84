import { formatOldSigningKey, formatSigningKeys, parseSigningKeys } from "../../../src/rooms/keyFile";
import { signJson, signingKeyFromSeed, unpaddedBase64, verifyJson, verifyKeyFromBase64 } from "../../../src/rooms/signing";

const SEED = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA0";

test("a key file is read and written", () => {
  const keys = parseSigningKeys("a.test", `# comment\n\ned25519 a_AbCd ${SEED}\ned25519 b ${SEED}=\n`);
  expect(keys.map(({ serverName, keyId, seed }) => [serverName, keyId, seed])).toEqual([
    ["a.test", "ed25519:a_AbCd", SEED],
    ["a.test", "ed25519:b", SEED],
  ]);
  expect(formatSigningKeys(keys)).toBe(`ed25519 a_AbCd ${SEED}\ned25519 b ${SEED}\n`);
  expect(parseSigningKeys("a.test", formatSigningKeys(keys)).map(({ publicKey }) => publicKey)).toEqual(
    keys.map(({ publicKey }) => publicKey),
  );
});

test.each(["", "# nothing\n", "rsa a AAAA", `ed25519 ${SEED}`, "ed25519 a short", `ed25519 a ${SEED} more`])(
  "a key file of %j is refused",
  (text) => {
    expect(() => parseSigningKeys("a.test", text)).toThrow(/key/);
  },
);

test("an old key goes into the configuration by its public half", () => {
  const [key] = parseSigningKeys("a.test", `ed25519 a ${SEED}`);
  if (!key) throw new Error("no key");
  expect(formatOldSigningKey(key, 123)).toBe(`"ed25519:a": { key: "${key.publicKey}", expired_ts: 123 }`);
});

test.each([
  ["", ""],
  ["f", "Zg"],
  ["fo", "Zm8"],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg"],
  ["fooba", "Zm9vYmE"],
  ["foobar", "Zm9vYmFy"],
])("unpadded base64 of %j", (text, base64) => {
  expect(unpaddedBase64(Buffer.from(text))).toBe(base64);
});

test("a seed has 32 bytes, a public key too", () => {
  expect(() => signingKeyFromSeed("a.test", "ed25519:a", Buffer.alloc(31))).toThrow(RangeError);
  for (const text of ["", "AAAA", "A".repeat(44)]) expect(verifyKeyFromBase64(text)).toBeUndefined();
});

test("signatures of several servers and keys live side by side", () => {
  const seeds = [1, 2, 3].map((n) => Buffer.alloc(32, n));
  const keys = [
    ["a.test", "ed25519:1"],
    ["a.test", "ed25519:2"],
    ["__proto__", "ed25519:1"],
  ].map(([server = "", keyId = ""], i) => signingKeyFromSeed(server, keyId, seeds[i] ?? Buffer.alloc(32)));
  const signed = keys.reduce((object, key) => signJson(object, key), { a: 1, unsigned: { age: 1 } } as {
    a: number;
    unsigned: { age: number };
  });
  for (const { serverName, keyId, publicKey } of keys) {
    const key = verifyKeyFromBase64(publicKey);
    if (!key) throw new Error("no key");
    expect(verifyJson(signed, { serverName, keyId, key })).toBe(true);
    expect(verifyJson({ ...signed, unsigned: {} }, { serverName, keyId, key })).toBe(true);
    expect(verifyJson({ ...signed, a: 2 }, { serverName, keyId, key })).toBe(false);
    expect(verifyJson(signed, { serverName: "c.test", keyId, key })).toBe(false);
    expect(verifyJson(signed, { serverName, keyId: "ed25519:9", key })).toBe(false);
    expect(key.verifies("x", "not a signature")).toBe(false);
  }
});
