import type { JsonObject } from "../../../src/lib/json";
import type { FederationClient, VerifyKeys } from "../../../src/remote/federation";
import { ServerUnreachableError } from "../../../src/remote/federationErrors";
import { createVerifyKeys } from "../../../src/remote/serverKeys";
import { signJson, signingKeyFromSeed } from "../../../src/rooms/signing";
import { quietLog } from "../../builders/app";
import { testConfig } from "../../builders/config";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";

let database: TestDatabase;
let now = 1_000_000;
const clock = { now: () => now, monotonic: () => now };
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

const key = (serverName: string, n: number) => signingKeyFromSeed(serverName, `ed25519:k${n}`, Buffer.alloc(32, n % 251));
/** What a server publishes, signed with the first of its keys. */
function documentOf(serverName: string, keys: number): JsonObject {
  const verifyKeys = Object.fromEntries(Array.from({ length: keys }, (_, n) => [`ed25519:k${n}`, { key: key(serverName, n).publicKey }]));
  return signJson({ server_name: serverName, valid_until_ts: now + 3_600_000, verify_keys: verifyKeys }, key(serverName, 0));
}

/** The network: who answers what, how often each was asked, and how many were asked at once at most. */
function network(answers: (serverName: string) => JsonObject | undefined, until: Promise<unknown> = Promise.resolve()) {
  const asked = new Map<string, number>();
  const at = { once: 0, most: 0 };
  const ask = async (serverName: string): Promise<JsonObject> => {
    asked.set(serverName, (asked.get(serverName) ?? 0) + 1);
    at.most = Math.max(at.most, ++at.once);
    await until;
    await new Promise(setImmediate);
    at.once--;
    const answer = answers(serverName);
    if (!answer) throw new ServerUnreachableError(serverName, "there is no such server");
    return answer;
  };
  const client = { get: ask, post: ask } as unknown as FederationClient;
  const config = testConfig({ trusted_key_servers: [] });
  const keys = createVerifyKeys({
    config,
    serverName: "test.local",
    client,
    db: database.db,
    clock,
    allowed: () => true,
    log: quietLog(""),
  });
  return { keys, asked, at };
}

const get = async (keys: VerifyKeys, serverName: string, n = 0) => keys.get(serverName, `ed25519:k${n}`, now);

test("a key is asked for once however many want it, and comes from memory and from the database from then on", async () => {
  const { keys, asked } = network((name) => documentOf(name, 2));
  const found = await Promise.all(Array.from({ length: 1_000 }, (_, i) => get(keys, "one.test", i % 2)));
  expect(found.every((one) => one !== undefined)).toBe(true);
  expect(asked.get("one.test")).toBe(1);
  expect(keys.get("one.test", "ed25519:k1", now)).not.toBeInstanceOf(Promise);
  const other = network(() => undefined);
  expect((await get(other.keys, "one.test"))?.verifies("x", key("one.test", 0).sign("x"))).toBe(true);
  expect(other.asked.size).toBe(0);
});

test("whoever claims to be a server, with keys that it does not have, makes us ask it a few times at most", async () => {
  const { keys, asked } = network((name) => documentOf(name, 1));
  for (let n = 1; n <= 1_000; n++) expect(await get(keys, "victim.test", n)).toBeUndefined();
  expect(asked.get("victim.test")).toBeLessThanOrEqual(10);
  // what it does have is known all the same
  expect(await get(keys, "victim.test")).toBeDefined();
  now += 60_000;
  await get(keys, "victim.test", 7);
  expect(asked.get("victim.test")).toBeLessThanOrEqual(11);
});

test("whoever asks us as a notary, for whatever a server does not have, makes us ask it a few times in a while", async () => {
  const { keys, asked } = network((name) => (name === "nobody.test" ? undefined : documentOf(name, 1)));
  const never = new Map([["ed25519:k0", Number.MAX_SAFE_INTEGER]]);
  for (let n = 0; n < 100; n++) {
    expect(await keys.documents("nobody.test", new Map())).toEqual([]);
    expect(await keys.documents("asked.test", never)).toHaveLength(1);
  }
  expect([asked.get("nobody.test"), asked.get("asked.test")]).toEqual([10, 10]);
  now += 60_000;
  await keys.documents("asked.test", never);
  expect(asked.get("asked.test")).toBe(11);
});

test("of very many servers that do not answer few are asked at once, and others are told to come again", async () => {
  let release = (): void => undefined;
  const { keys, asked, at } = network(() => undefined, new Promise<void>((resolve) => (release = resolve)));
  const refused: unknown[] = [];
  const claims = Array.from({ length: 2_500 }, (_, n) => get(keys, `s${n}.test`).catch((error: unknown) => void refused.push(error)));
  await eventually(() => refused.length === 400);
  expect(at.once).toBe(100);
  release();
  expect((await Promise.all(claims)).filter((found) => found !== undefined)).toEqual([]);
  expect([asked.size, at.most, refused.length]).toEqual([2_100, 100, 400]);
  expect(refused.every((error) => (error as { status?: number }).status === 503)).toBe(true);
});

test("a server that publishes thousands of keys has none: each would be kept with all of them", async () => {
  const { keys } = network((name) => documentOf(name, name === "many.test" ? 2_000 : 100));
  expect(await get(keys, "many.test")).toBeUndefined();
  expect(await get(keys, "some.test")).toBeDefined();
  const rows = await database.db<{ n: number }>`select count(*)::int4 as n from server_keys where server_name = 'many.test'`;
  expect(rows[0]?.n).toBe(0);
});

test("keys of another server, unsigned ones and forged ones are not taken", async () => {
  const { signatures: _signatures, ...unsigned } = documentOf("unsigned.test", 1);
  const forged = { ...documentOf("forged.test", 1), verify_keys: { "ed25519:k0": { key: key("forged.test", 9).publicKey } } };
  const answers: Record<string, JsonObject> = { "unsigned.test": unsigned, "forged.test": forged, "other.test": documentOf("one.test", 1) };
  const { keys } = network((name) => answers[name]);
  for (const name of Object.keys(answers)) expect(await get(keys, name)).toBeUndefined();
});
