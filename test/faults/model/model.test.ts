import type { Mutation } from "./database";
import { measureTakeover, runModel } from "./run";

/** Schedules to try: SYNAPSE_TS_MODEL_RUNS=20000 for a long search. */
const RUNS = Number(process.env["SYNAPSE_TS_MODEL_RUNS"] ?? 300);
const LONG = 120_000 + RUNS * 1_000;

test(
  "streams, leases and fences keep their promises whatever fails and however late messages are",
  async () => {
    const wrong: string[] = [];
    for (let seed = 0; seed < RUNS && wrong.length < 3; seed++) {
      const problems = await runModel(seed);
      if (problems.length > 0) wrong.push(`seed ${seed}: ${problems.join("; ")}`);
    }
    expect(wrong).toEqual([]);
  },
  LONG,
);

test("a run is the same each time", async () => {
  const withoutVersions = { without: "tip versions" } as const;
  for (const seed of [1, 2, 3]) expect(await runModel(seed, withoutVersions)).toEqual(await runModel(seed, withoutVersions));
});

test.each(["fencing", "tip versions", "catch-up", "lock", "transactions"] as const)(
  "a protocol without %s is found out",
  async (without: Mutation["without"]) => {
    let found: string[] = [];
    for (let seed = 0; seed < RUNS && found.length === 0; seed++) found = await runModel(seed, { without });
    expect(found).not.toEqual([]);
  },
  LONG,
);

test("another writer takes over within five seconds of a crash or a freeze, and at once when its owner stops", async () => {
  for (let seed = 0; seed < 30; seed++) {
    // Leases last for five seconds; whoever waits for one to end looks 50 ms later, and a statement may be slow.
    expect(await measureTakeover(seed, "kill")).toBeLessThan(6_000);
    expect(await measureTakeover(seed, "freeze")).toBeLessThan(6_000);
    expect(await measureTakeover(seed, "stop")).toBeLessThan(2_500);
  }
});
