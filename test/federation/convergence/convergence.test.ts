import { setTimeout as sleep } from "node:timers/promises";
import type { Make } from "../servers";
import { describeWithSynapse } from "../synapse";
import { countDiffering, countHidden } from "./agreement";
import { startCrowd } from "./crowd";
import { openStage, settle } from "./stage";
import { kinds, planUpsets, playUpsets } from "./upsets";

interface Run {
  readonly seed: number;
  readonly makes: readonly Make[];
  /** For which people write. */
  readonly seconds: number;
}

const { SYNAPSE_TS_CONVERGENCE_SECONDS: seconds, SYNAPSE_TS_CONVERGENCE_SEED: given, SYNAPSE_TS_CONVERGENCE_MAKES: makes } = process.env;
const random = Date.now() % 1_000_000;
const SHORT_SECONDS = 20;

/** Two short ones, or a longer one: SYNAPSE_TS_CONVERGENCE_SECONDS=300 npx jest test/federation/convergence. The seed of one that failed plays the same again. */
const runs: readonly Run[] =
  seconds === undefined && given === undefined && makes === undefined
    ? [
        { seed: 31, makes: ["workers", "ours", "synapse"], seconds: SHORT_SECONDS },
        { seed: random, makes: ["ours", "ours", "synapse"], seconds: SHORT_SECONDS },
      ]
    : [
        {
          seed: Number(given ?? random),
          makes: (makes ?? "ours,ours,synapse").split(",") as Make[],
          seconds: Number(seconds ?? SHORT_SECONDS),
        },
      ];

/** Between two things that somebody does. */
const PACE_MS = 800;
const VERSIONS = ["10", "11", "12"];

const say = (text: string): void => void process.stderr.write(`${text}\n`);

describeWithSynapse("servers in one room", () => {
  for (const run of runs) {
    const what = `seed ${run.seed}, ${run.makes.join(", ")}, ${run.seconds} s`;
    test(
      `end in the same state and with the same events, whatever they all do at once and whoever is away meanwhile: ${what}`,
      () => converge(run),
      run.seconds * 2_000 + 600_000,
    );
  }
});

async function converge({ seed, makes, seconds }: Run): Promise<void> {
  say(`convergence of seed ${seed}, ${makes.join(", ")}, for ${seconds} s`);
  const stage = await openStage(makes, VERSIONS);
  const { servers, people, rooms } = stage;
  try {
    const crowd = startCrowd({ seed, people, rooms, paceMs: PACE_MS });
    const plans = planUpsets(seed, servers.length, seconds * 1_000);
    const [upsets] = await Promise.all([playUpsets(servers, plans, seconds * 1_000), sleep(seconds * 1_000)]);
    await crowd.finish();
    const quiet = performance.now();
    say(countsOf(kinds.map((kind) => [kind, upsets.filter((one) => one === kind).length])));
    say(countsOf([...crowd.answers].sort()));
    const settled = await Promise.all(rooms.map((roomId) => settle(stage, roomId, crowd.said.get(roomId) ?? [])));
    for (const [i, { views, agreedAt }] of settled.entries()) {
      const events = new Set(views.flatMap(({ history }) => history.map(([id]) => id))).size;
      const hidden = `${countHidden(views)} of them hidden and ${countDiffering(views)} redacted by some`;
      const time = `agreed ${((agreedAt - quiet) / 1_000).toFixed(1)} s after the last write`;
      say(`version ${VERSIONS[i]}: ${events} events, ${hidden}, state of ${views[0]?.state.size}, ${time}`);
    }
    expect(settled.flatMap(({ problems }) => problems)).toEqual([]);
    expect(crowd.failures).toEqual([]);
    expect([...crowd.said.values()].flat().length).toBeGreaterThan(seconds);
  } catch (error) {
    const names = servers.map(({ make, name }) => `${name} is ${make}`).join(", ");
    say(
      `SYNAPSE_TS_CONVERGENCE_SEED=${seed} SYNAPSE_TS_CONVERGENCE_SECONDS=${seconds} SYNAPSE_TS_CONVERGENCE_MAKES=${makes.join(",")}` +
        ` plays this again; ${names}`,
    );
    throw error;
  } finally {
    await stage.close();
  }
}

const countsOf = (counts: readonly (readonly [string, number])[]): string => counts.map(([what, count]) => `${what} ${count}`).join(", ");
