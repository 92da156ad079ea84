import { MatrixError } from "../../../src/errors";
import { askEach } from "../../../src/handlers/keys/eachServer";

const servers = (count: number): Map<string, number> => new Map(Array.from({ length: count }, (_, i) => [`s${i}`, i]));

test("each server is told how many whole ms are left, as timers take no others", async () => {
  let now = 0.25;
  const left: number[] = [];
  const ask = (_: string, item: number, leftMs: number): Promise<number> => {
    left.push(leftMs);
    now += 0.5;
    return Promise.resolve(item);
  };
  expect(await askEach({ monotonic: () => now }, servers(3), 100, ask)).toEqual({ results: [0, 1, 2], failures: {} });
  expect(left).toEqual([100, 100, 99]);
});

test("whose turn does not come in time is a failure, and so is who fails", async () => {
  let now = 0;
  const asked: string[] = [];
  const ask = async (server: string): Promise<string> => {
    asked.push(server);
    await Promise.resolve();
    now = 1_000;
    if (server === "s1") throw new MatrixError(502, "M_UNKNOWN", "away");
    return server;
  };
  const { results, failures } = await askEach({ monotonic: () => now }, servers(502), 1_000, ask);
  expect(asked).toHaveLength(500);
  expect(results).toHaveLength(499);
  expect(Object.keys(failures).sort()).toEqual(["s1", "s500", "s501"]);
});

test("nobody waits longer than asked for a server that never answers", async () => {
  const ask = (server: string): Promise<string> => (server === "s0" ? new Promise<string>(() => undefined) : Promise.resolve(server));
  const { results, failures } = await askEach({ monotonic: () => 0 }, servers(2), 20, ask);
  expect(results).toEqual(["s1"]);
  expect(failures).toMatchObject({ s0: { status: 503 } });
});
