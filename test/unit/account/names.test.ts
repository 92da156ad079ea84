import { canonicalEmail, canonicalPhone, readIdentifier } from "../../../src/handlers/auth/identifiers";
import { checkLocalpart, localpartOf, qualify, serverOf } from "../../../src/handlers/account/usernames";
import { createLimiter, LimiterFull } from "../../../src/lib/limiter";

test("ids are split at the first colon", () => {
  expect([localpartOf("@a:b:8448"), serverOf("@a:b:8448"), qualify("a", "b:8448"), qualify("@a:c", "b")]).toEqual([
    "a",
    "b:8448",
    "@a:b:8448",
    "@a:c",
  ]);
});

test.each([
  ["_a", "reserved", "reserved", false],
  ["_a", "reserved", "allowed", true],
  ["1", "reserved", "reserved", false],
  ["1", "allowed", "reserved", true],
  ["a1", "reserved", "reserved", true],
] as const)("localpart %s (numeric %s, underscore %s): %s", (localpart, numeric, underscore, fine) => {
  const check = (): void => checkLocalpart(localpart, { serverName: "x", numeric, underscore });
  if (fine) expect(check).not.toThrow();
  else expect(check).toThrow();
});

test.each([
  ["GB", "07700 900123", "447700900123"],
  ["GB", "+44 7700-900123", "447700900123"],
  ["us", "(202) 555-0143", "12025550143"],
  ["DE", "0049 30 901820", "4930901820"],
])("phone %s %s", (country, number, address) => {
  expect(canonicalPhone(country, number)).toBe(address);
});

test("what is no phone number or address is refused", () => {
  expect(() => canonicalPhone("XX", "0123456")).toThrow();
  expect(() => canonicalPhone("GB", "call me")).toThrow();
  expect(() => canonicalEmail("a@b@c")).toThrow();
  expect(canonicalEmail(" A@B.Example ")).toBe("a@b.example");
});

test("identifiers are read in every form", () => {
  expect(readIdentifier({ user: "a" })).toEqual({ kind: "user", user: "a" });
  expect(readIdentifier({ medium: "email", address: "A@b.c" })).toEqual({ kind: "threepid", medium: "email", address: "a@b.c" });
  expect(readIdentifier({ identifier: { type: "m.id.phone", country: "FR", number: "0612345678" } })).toEqual({
    kind: "threepid",
    medium: "msisdn",
    address: "33612345678",
  });
  expect(() => readIdentifier({})).toThrow();
  expect(() => readIdentifier({ identifier: "a" })).toThrow();
});

test("a limiter runs so many at once, in order, and refuses when too many wait", async () => {
  const limiter = createLimiter(2, 2);
  const log: string[] = [];
  const gates: (() => void)[] = [];
  const task = (name: string) =>
    limiter.run(async () => {
      log.push(name);
      await new Promise<void>((resolve) => gates.push(resolve));
    });
  const runs = [task("a"), task("b"), task("c"), task("d")];
  await expect(task("e")).rejects.toThrow(LimiterFull);
  expect([log, limiter.waiting()]).toEqual([["a", "b"], 2]);
  while (gates.length > 0) {
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(runs);
  expect(log).toEqual(["a", "b", "c", "d"]);
  await expect(limiter.run(async () => "free again")).resolves.toBe("free again");
});
