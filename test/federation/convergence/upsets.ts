import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "../../builders/seeded";
import type { HomeServer } from "../servers";

export const kinds = ["kill", "stop", "freeze", "cut"] as const;
export type UpsetKind = (typeof kinds)[number];

/** Something that happens to a server: after a pause it begins, and it is over after a while. */
export interface Upset {
  readonly kind: UpsetKind;
  readonly pauseMs: number;
  readonly holdMs: number;
}

/** What happens to each of so many servers, one thing after another: the same seed gives the same upsets. */
export function planUpsets(seed: number, servers: number, totalMs: number): Upset[][] {
  return Array.from({ length: servers }, (_, i) => {
    const random = seeded(seed * 31 + i);
    const between = (low: number, high: number): number => Math.round(low + random.fraction() * (high - low));
    const upsets: Upset[] = [];
    let left: UpsetKind[] = [];
    for (let at = 0; ;) {
      // Dealt and not drawn, so that each kind comes in its turn also in a short run.
      if (left.length === 0) left = [...kinds, "cut"];
      const [kind = "kill"] = left.splice(random.below(left.length), 1);
      const upset = { kind, pauseMs: between(5_000, 15_000), holdMs: between(500, 8_000) };
      at += upset.pauseMs + upset.holdMs;
      if (at > totalMs) return upsets;
      upsets.push(upset);
    }
  });
}

/** Lets them happen, to all servers at the same time, and begins none after the time. Gives what did; every server is there again. */
export async function playUpsets(
  servers: readonly HomeServer[],
  plans: readonly (readonly Upset[])[],
  totalMs: number,
): Promise<UpsetKind[]> {
  const late = performance.now() + totalMs;
  const happened: UpsetKind[] = [];
  const play = async (server: HomeServer, upsets: readonly Upset[]): Promise<void> => {
    for (const { kind, pauseMs, holdMs } of upsets) {
      await sleep(pauseMs);
      if (performance.now() > late) return;
      happened.push(kind);
      await begin[kind](server);
      await sleep(holdMs);
      await end[kind](server);
    }
  };
  await Promise.all(servers.map((server, i) => play(server, plans[i] ?? [])));
  return happened;
}

type Act = Readonly<Record<UpsetKind, (server: HomeServer) => void | Promise<void>>>;

const begin: Act = {
  kill: (server) => server.kill(),
  stop: (server) => server.stop(),
  freeze: (server) => server.freeze(),
  cut: (server) => server.cut(),
};

const end: Act = {
  kill: (server) => server.start(),
  stop: (server) => server.start(),
  freeze: (server) => server.thaw(),
  cut: (server) => server.mend(),
};
