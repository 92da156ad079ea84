import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";

let deployment: TestDeployment;

beforeAll(async () => {
  deployment = await startDeployment({ workers: ["worker1"] });
});
afterAll(() => deployment?.close());

test("each one-time key goes out once, whichever process is asked, and its owner hears of it at another one", async () => {
  const [alice, bob] = [await deployment.user("alice"), await deployment.user("bob", "worker1")];
  const names = Array.from({ length: 40 }, (_, n) => `signed_curve25519:K${n}`);
  const keys = Object.fromEntries(names.map((name) => [name, { key: name }]));
  await alice.ok("POST", "/keys/upload", { one_time_keys: keys });
  await alice.until((sync) => (sync.device_one_time_keys_count.signed_curve25519 === 40 ? sync : undefined));
  const elsewhere = bob.on(deployment.url("main"));
  const wanted = { one_time_keys: { [alice.userId]: { [alice.deviceId]: "signed_curve25519" } } };
  const claims = Array.from({ length: 50 }, async (_, n) => {
    const answer = await (n % 2 ? bob : elsewhere).ok("POST", "/keys/claim", wanted);
    return Object.keys(answer.one_time_keys[alice.userId]?.[alice.deviceId] ?? {});
  });
  const claimed = (await Promise.all(claims)).flat();
  expect(claimed.sort()).toEqual([...names].sort());
  await alice.until((sync) => (sync.device_one_time_keys_count.signed_curve25519 === 0 ? sync : undefined));
  await alice.ok("POST", "/keys/upload", { one_time_keys: { "signed_curve25519:L": { key: "L" } } });
  await alice.until((sync) => (sync.device_one_time_keys_count.signed_curve25519 === 1 ? sync : undefined));
  await bob.ok("POST", "/keys/claim", wanted);
  await alice.until((sync) => (sync.device_one_time_keys_count.signed_curve25519 === 0 ? sync : undefined));
});
