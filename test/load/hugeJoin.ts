/**
 * What joining a room of 10,000 members through another server takes: time until the join is answered, CPU and memory at most. Not among
 * the tests, since it takes minutes: npx jest --testMatch '<rootDir>/test/load/hugeJoin.ts'
 * Another server that leaves members out is one that has them asked for later; one that does not sends all at once.
 */
import { createPeer, peerConfig } from "../builders/peer";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { register } from "../builders/client";
import { createSolo } from "../builders/solo";
import { memoryOf, cpuOf } from "./cpu";
import { crowdedRoom } from "./generated";

const MEMBERS = 10_000;
/** Characters in each member event beside what is usual: the answer has about 100 MiB with them. */
const PADDINGS = [0, 9_000];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
});
afterAll(() => database?.drop());

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

test("a join of a room of 10,000 members", async () => {
  say("| answer | the join | server's CPU | memory before | at most |\n| --- | ---: | ---: | ---: | ---: |");
  const { host, port, user } = database.options;
  for (const padding of PADDINGS) {
    const solo = await createSolo({
      shared: { ...peerConfig, database: { name: "psycopg2", args: { host, port, user, dbname: database.name } } },
    });
    try {
      await solo.start();
      const alice = await register(solo.url, `alice${padding}`);
      const peer = await createPeer({ url: solo.url, serverName: "test.local" });
      const room = crowdedRoom(peer, MEMBERS, padding);
      const bytes = [...room.state.values()].reduce((sum, { pdu }) => sum + JSON.stringify(pdu).length, 0);
      const { pid } = solo.process();
      const [cpu, before, begin] = [cpuOf(pid), memoryOf(pid).now, performance.now()];
      await alice.ok("POST", `/join/${encodeURIComponent(room.roomId)}?via=${peer.name}`, {});
      const [wall, used] = [performance.now() - begin, cpuOf(pid) - cpu];
      const cells = [
        `${(bytes / 1024 / 1024).toFixed(0)} MiB of state`,
        `${(wall / 1_000).toFixed(1)} s`,
        `${(used / 1_000).toFixed(1)} s`,
      ];
      say(`| ${[...cells, `${before} MiB`, `${memoryOf(pid).peak} MiB`].join(" | ")} |`);
      await peer.close();
    } finally {
      await solo.close();
    }
  }
}, 1_800_000);
