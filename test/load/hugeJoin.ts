/**
 * What joining a room of 10,000 members through another server takes: time until the join is answered and until what is said then is seen,
 * CPU and memory at most until all members are there. Not among the tests, since it takes minutes:
 * npx jest --testMatch '<rootDir>/test/load/hugeJoin.ts'
 */
import { Readable } from "node:stream";
import { createPeer, peerConfig } from "../builders/peer";
import type { Peer } from "../builders/peer";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { withholdMembers } from "../builders/peerRoom";
import { createSolo } from "../builders/solo";
import { memoryOf, cpuOf } from "./cpu";
import { crowdedRoom } from "./generated";

const MEMBERS = 10_000;
/** Characters in each member event beside what is usual: the state has about 100 MiB with them. */
const PADDINGS = [0, 9_000];
/** Whether the other server leaves members out, so that they are asked for later, or sends all at once. */
const EXTENTS = ["without members", "with all"] as const;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
});
afterAll(() => database?.drop());

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const LAZY = encodeURIComponent(JSON.stringify({ room: { state: { lazy_load_members: true } } }));

/** Says something and waits until a client that loads members lazily sees it. */
async function isSeen(alice: TestClient, roomId: string): Promise<void> {
  const eventId = await alice.say(roomId, "hello");
  for (let since = ""; ;) {
    const answer = await alice.ok("GET", `/sync?timeout=10000&filter=${LAZY}${since}`);
    const events: { event_id: string }[] = answer.rooms?.join?.[roomId]?.timeline?.events ?? [];
    if (events.some((event) => event.event_id === eventId)) return;
    since = `&since=${answer.next_batch}`;
  }
}

async function isWhole(): Promise<void> {
  for (;;) {
    const partial = await database.db`select from partial_rooms where full_at is null`;
    if (partial.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const PIECE = 64 * 1024;
const piecesOf = (bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, i) => bytes.subarray(i * PIECE, (i + 1) * PIECE));

function roomOf(peer: Peer, padding: number, extent: (typeof EXTENTS)[number]) {
  const room = crowdedRoom(peer, MEMBERS, padding);
  if (extent === "without members") {
    withholdMembers(peer, room).release();
    // Ready beforehand, and sent in pieces, as the peer and the client share this process.
    const events = Buffer.from([...room.state.values()].map(({ pdu }) => JSON.stringify(pdu)).join(","));
    const pieces = [Buffer.from('{"pdus":['), ...piecesOf(events), Buffer.from('],"auth_chain":['), ...piecesOf(events), Buffer.from("]}")];
    peer.stream(`GET /_matrix/federation/v1/state/${room.roomId}`, (response) => void Readable.from(pieces).pipe(response));
  }
  peer.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
  return room;
}

test("a join of a room of 10,000 members", async () => {
  say("| state | sent | the join | seen | whole | server's CPU | memory before | at most |");
  say("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  const { host, port, user } = database.options;
  for (const [n, [padding, extent]] of PADDINGS.flatMap((padding) => EXTENTS.map((extent) => [padding, extent] as const)).entries()) {
    const solo = await createSolo({
      shared: { ...peerConfig, database: { name: "psycopg2", args: { host, port, user, dbname: database.name } } },
    });
    try {
      await solo.start();
      const alice = await register(solo.url, `alice${n}`);
      const peer = await createPeer({ url: solo.url, serverName: "test.local" });
      const room = roomOf(peer, padding, extent);
      const bytes = [...room.state.values()].reduce((sum, { pdu }) => sum + JSON.stringify(pdu).length, 0);
      const { pid } = solo.process();
      const [cpu, before, begin] = [cpuOf(pid), memoryOf(pid).now, performance.now()];
      const since = (): string => seconds(performance.now() - begin);
      const cells = [`${(bytes / 1024 / 1024).toFixed(0)} MiB`, extent];
      await alice.ok("POST", `/join/${encodeURIComponent(room.roomId)}?via=${peer.name}`, {});
      cells.push(since());
      await isSeen(alice, room.roomId);
      cells.push(since());
      await isWhole();
      cells.push(since(), seconds(cpuOf(pid) - cpu), `${before} MiB`, `${memoryOf(pid).peak} MiB`);
      const members = await alice.ok("GET", `/rooms/${encodeURIComponent(room.roomId)}/joined_members`);
      expect(Object.keys(members.joined)).toHaveLength(MEMBERS + 2);
      say(`| ${cells.join(" | ")} |`);
      await peer.close();
    } finally {
      await solo.close();
    }
  }
}, 1_800_000);
