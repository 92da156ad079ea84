import { setTimeout as sleep } from "node:timers/promises";
import { isInstalled } from "../builders/nginx";
import { seeded } from "../builders/seeded";
import { check } from "./checker";
import { startCrew } from "./crew";
import { formatReport, unavailability } from "./report";
import { makeSchedule } from "./schedule";
import { KEYS, extra, openStage, playFaults, processes, readOutcome, settle } from "./stage";

/** Seconds of faults, fewer while one is at work; many for a long run by hand: SYNAPSE_TS_FAULTS_SECONDS=600 npx jest test/faults. */
const SECONDS = Number(process.env["SYNAPSE_TS_FAULTS_SECONDS"] ?? (process.env["CI"] ? 300 : 45));
const IS_LONG = SECONDS > 120;
const MAX_FREEZE_MS = IS_LONG ? 30_000 : 8_000;
/** The seed of a run that failed plays the same faults again: SYNAPSE_TS_FAULTS_SEED=... */
const SEED = Number(process.env["SYNAPSE_TS_FAULTS_SEED"] ?? Date.now() % 1_000_000);

/** How long operations may take that were under way when the last fault was mended. */
const PATIENCE_MS = 60_000;
const began = performance.now();
const say = (text: string): void => void process.stderr.write(`${text}\n`);
/** What a long run is at. */
const tell = (text: string): void => {
  if (IS_LONG) say(`${((performance.now() - began) / 1_000).toFixed(0).padStart(5)} s: ${text}`);
};

// nginx is what clients reach the processes by, so without it there is nothing to try.
const given = isInstalled("nginx") ? test : test.skip;

given(
  "whatever process, Redis or database fails: what was acknowledged is there once and in one order, and readers miss nothing",
  async () => {
    const options = { seed: SEED, totalMs: SECONDS * 1_000, maxFreezeMs: MAX_FREEZE_MS, processes, extra };
    say(`faults of seed ${SEED}, for ${SECONDS} s`);
    const stage = await openStage();
    const { clients, rooms, proxy } = stage;
    const crew = startCrew({ url: proxy.url, clients, rooms, random: seeded(SEED), keys: KEYS });
    try {
      const happened = await playFaults(stage, makeSchedule(options), ({ kind, target, holdMs }) => {
        tell(`${kind} ${target} ${(holdMs / 1_000).toFixed(1)} s`);
      });
      tell("no more faults");
      await Promise.race([crew.finish(), sleep(PATIENCE_MS, undefined, { ref: false })]);
      tell("no more operations");
      await settle(stage, crew.history);
      tell("settled");
      await crew.close();
      const problems = check(crew.history, await readOutcome(stage, crew.history));
      const { operations, repetitions } = crew.history;
      say(`${happened.length} faults, ${operations.length} operations, ${repetitions.length} of them repeated`);
      say(formatReport(unavailability(happened, operations)));
      expect(operations.length).toBeGreaterThan(100);
      expect(problems).toEqual([]);
    } catch (error) {
      say(`SYNAPSE_TS_FAULTS_SEED=${SEED} plays these faults again`);
      await crew.close();
      await stage.abandon();
      throw error;
    }
    await stage.close();
  },
  SECONDS * 3_000 + 300_000,
);
