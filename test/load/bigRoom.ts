/**
 * What a send costs in a room of 10,000 members and 50,000 state events, beside one in a small room. Not among the tests, since it takes
 * minutes: npx jest --testMatch '<rootDir>/test/load/bigRoom.ts'
 */
import { sendIntent } from "../../src/writers/intents";
import type { SendIntent } from "../../src/writers/intents";
import { sendAll } from "../../src/writers/eventsRpc";
import { createRoomsServer } from "../server/rooms/harness";
import type { Client, RoomsServer } from "../server/rooms/harness";

const MEMBERS = 10_000;
const STATE_EVENTS = 50_000;
const BATCH = 500;
const SENDS = 400;
const ROUNDS = 3;

let server: RoomsServer;
beforeAll(async () => {
  server = await createRoomsServer();
});
afterAll(() => server?.close());

/** Past the handlers, whose checks take longer than the writing of so many events. */
async function fill(roomId: string, creator: string): Promise<void> {
  const joins = Array.from({ length: MEMBERS - 1 }, (_, i): SendIntent => {
    const sender = `@member${i}:test.local`;
    return sendIntent({ roomId, sender, type: "m.room.member", content: { membership: "join" } }, { stateKey: sender });
  });
  const others = Array.from({ length: STATE_EVENTS - MEMBERS }, (_, i) =>
    sendIntent({ roomId, sender: creator, type: "org.example.state", content: { i } }, { stateKey: String(i) }),
  );
  const all = [...joins, ...others];
  for (let i = 0; i < all.length; i += BATCH) {
    const refused = (await sendAll(server.app, all.slice(i, i + BATCH))).find((outcome) => "refused" in outcome);
    if (refused) throw new Error(JSON.stringify(refused));
  }
}

interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
}

async function costOfSends(client: Client, roomId: string): Promise<Cost> {
  const [cpu, begin] = [process.cpuUsage(), performance.now()];
  for (let i = 0; i < SENDS; i++) await client.text(roomId, `message ${i}`);
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMs: (user + system) / 1_000 / SENDS, wallMs: (performance.now() - begin) / SENDS };
}

test("a send in a large room costs at most twice one in a small room", async () => {
  const alice = await server.client("alice");
  const [small, large] = [await alice.createRoom(), await alice.createRoom({ preset: "public_chat" })];
  const begin = performance.now();
  await fill(large, alice.userId);
  process.stdout.write(`filled in ${Math.round((performance.now() - begin) / 1_000)} s\n`);
  await costOfSends(alice, small);
  await costOfSends(alice, large);
  const costs = { small: [] as Cost[], large: [] as Cost[] };
  for (let round = 0; round < ROUNDS; round++) {
    costs.small.push(await costOfSends(alice, small));
    costs.large.push(await costOfSends(alice, large));
  }
  const best = (of: readonly Cost[], key: keyof Cost): number => Math.min(...of.map((cost) => cost[key]));
  for (const [name, of] of Object.entries(costs))
    process.stdout.write(`${name}: ${best(of, "cpuMs").toFixed(2)} ms of CPU with the client's, ${best(of, "wallMs").toFixed(2)} ms\n`);
  expect(best(costs.large, "cpuMs")).toBeLessThan(2 * best(costs.small, "cpuMs"));
}, 900_000);
