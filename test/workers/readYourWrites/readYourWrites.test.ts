import { registerAdmin } from "../../builders/client";
import { startDeployment } from "../../builders/deployment";
import type { TestDeployment } from "../../builders/deployment";
import { seeded } from "../../builders/seeded";
import type { Seeded } from "../../builders/seeded";
import { accountKinds } from "./accounts";
import { memberKinds } from "./members";
import { roomKinds } from "./rooms";
import type { Kind, Side, Step } from "./step";
import { userDataKinds } from "./userData";

// Each kind of write at each process, read at once at each other one, in an order that the seed decides, by several pairs of people at the
// same time. SYNAPSE_TS_TEST_SEED replays one, SYNAPSE_TS_TEST_KIND picks kinds by a part of their names.

const env = process.env;
const seed = Number(env["SYNAPSE_TS_TEST_SEED"] ?? Date.now() % 1_000_000);
const wanted = env["SYNAPSE_TS_TEST_KIND"] ?? "";
const pairsOfKind = Number(env["SYNAPSE_TS_TEST_PAIRS"] ?? 3);
const LANES = 3;
const kinds = Object.entries({ ...roomKinds, ...memberKinds, ...userDataKinds, ...accountKinds }).filter(([name]) => name.includes(wanted));
const processes = ["main", "writer", "worker"];

interface Attempt {
  readonly name: string;
  readonly kind: Kind;
  readonly from: string;
  readonly to: string;
  readonly word: string;
}

let deployment: TestDeployment;
beforeAll(async () => {
  const writers = ["typing", "to_device", "account_data", "receipts", "presence", "push_rules", "device_lists"];
  deployment = await startDeployment({
    workers: ["writer", "worker"],
    shared: {
      stream_writers: { events: ["main", "writer"], ...Object.fromEntries(writers.map((stream) => [stream, ["writer"]])) },
      experimental_features: { msc3575_enabled: true },
      user_directory: { enabled: false },
    },
  });
});
afterAll(() => deployment?.close());

function shuffled<T>(items: readonly T[], random: Seeded): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

/** Two people of their own, with a room, who take one attempt after the other. Gives those whose writes could not be read. */
async function lane(attempts: readonly Attempt[], admin: Side["admin"]): Promise<string[]> {
  const [alice, bob] = await Promise.all([deployment.user("alice"), deployment.user("bob")]);
  const roomId = await alice.createRoom({ preset: "public_chat", power_level_content_override: { users_default: 100 } });
  await bob.join(roomId);
  const side = (name: string): Side => {
    const url = deployment.url(name);
    return { url, admin: admin.on(url), alice: alice.on(url), bob: bob.on(url) };
  };
  const sides = new Map(processes.map((name) => [name, side(name)]));
  const failures: string[] = [];
  for (const { name, kind, from, to, word } of attempts) {
    const step: Step = { w: sides.get(from) ?? side(from), r: sides.get(to) ?? side(to), roomId, word };
    const wrong = await attempt(kind, step).catch((error: unknown) => String(error));
    if (wrong !== undefined) failures.push(`${name}, ${from} to ${to}: ${wrong}`);
  }
  return failures;
}

/** Undefined, or what is wrong. */
async function attempt(kind: Kind, step: Step): Promise<string | undefined> {
  const { write, read, shows } = await kind(step);
  const before = await read(undefined);
  if (shows(before, undefined)) return `shown before it was written: ${JSON.stringify(before)}`;
  const written = await write();
  if (written.status !== 200) return `cannot be written: ${JSON.stringify(written)}`;
  const after = await read(written.body);
  return shows(after, written.body) ? undefined : JSON.stringify(after).slice(0, 600);
}

test(`what is written at one process is read at once at every other (seed ${seed})`, async () => {
  const random = seeded(seed);
  const admin = await registerAdmin(deployment.url("main"), "boss");
  const pairs = processes.flatMap((from) => processes.map((to) => ({ from, to })));
  const all = kinds.flatMap(([name, kind]) =>
    shuffled(pairs, random)
      .slice(0, pairsOfKind)
      .map((pair) => ({ name, kind, ...pair })),
  );
  const attempts = shuffled(all, random).map((item, i): Attempt => ({ ...item, word: `word${i}x` }));
  const lanes = Array.from({ length: LANES }, (_, i) => attempts.filter((__, n) => n % LANES === i));
  const failures = (await Promise.all(lanes.map((own) => lane(own, admin)))).flat();
  expect(failures).toEqual([]);
}, 300_000);
