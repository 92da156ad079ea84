/**
 * What an event of another server costs, beside Synapse that gets the same transactions. Not among the tests, since it takes minutes:
 * npx jest --testMatch '<rootDir>/test/load/inboundPdus.ts'
 * Both servers are in the rooms of generated peers, which send them transactions of 50 signed events, each once the one before it is stored.
 * SYNAPSE_TS_LOAD=ours measures our server alone, SYNAPSE_TS_LOAD_NODE_OPTIONS are options of node for it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RoomEvent } from "../../src/rooms/event";
import { signingKeyFromSeed, verifyKeyFromBase64 } from "../../src/rooms/signing";
import type { TestClient } from "../builders/client";
import type { TestDatabase } from "../builders/database";
import { createPeer } from "../builders/peer";
import type { Peer } from "../builders/peer";
import type { PeerRoom } from "../builders/peerRoom";
import { startPair } from "../federation/pair";
import type { HomeServer, Pair } from "../federation/pair";
import { cpuBetween, cpuOf, databaseCpu, memoryOf } from "./cpu";
import { crowdedRoom, deliver, hangUp, message, mixture, parcel } from "./generated";

const PER_TRANSACTION = 50;
const WARM_UP = 8;
const TRANSACTIONS = 16;
const PEERS = 8;
const POLL_MS = 10;
const PATIENCE_MS = 120_000;

type Make = (peer: Peer, room: PeerRoom, i: number, members: number) => RoomEvent;

interface Scenario {
  readonly name: string;
  readonly peers: number;
  /** Of each peer. */
  readonly rooms: number;
  /** Of each room. */
  readonly members: number;
  readonly make: Make;
}

const scenarios: readonly Scenario[] = [
  { name: "messages, one room", peers: 1, rooms: 1, members: 100, make: message },
  { name: "messages, members, state, one room", peers: 1, rooms: 1, members: 100, make: mixture },
  { name: "messages, 50 rooms in turn", peers: 1, rooms: 50, members: 20, make: message },
  { name: `messages, ${PEERS} servers at once, a room each`, peers: PEERS, rooms: 1, members: 100, make: message },
];

interface Cost {
  readonly rate: number;
  /** ms of CPU for one event. */
  readonly server: number;
  readonly database: number;
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

let pair: Pair;
beforeAll(async () => {
  const options = process.env["SYNAPSE_TS_LOAD_NODE_OPTIONS"];
  pair = await startPair({
    synapseOn: "postgres",
    shared: { federation_verify_certificates: false, presence: { enabled: false } },
    ...(options && { environment: { NODE_OPTIONS: options } }),
  });
}, 120_000);
afterAll(async () => {
  hangUp();
  await pair?.close();
});

interface Measured {
  readonly name: string;
  readonly server: HomeServer;
  readonly database: TestDatabase;
  readonly user: TestClient;
  /** How many of the events are stored and stand. */
  stored(eventIds: readonly string[]): Promise<number>;
}

async function measured(): Promise<Measured[]> {
  const { ours, synapse, databases } = pair;
  const count = (rows: readonly { n: number }[]): number => rows[0]?.n ?? 0;
  const all: Measured[] = [
    {
      name: "synapse-ts",
      server: ours,
      database: databases.ours,
      user: await ours.user("alice"),
      stored: async (ids) =>
        count(
          await databases.ours.db`
            select count(*)::int4 as n from events where event_id = any(${ids}::text[]) and stream_ordering is not null and rejected is null and not soft_failed`,
        ),
    },
  ];
  const { synapse: theirs } = databases;
  if (!theirs) return all;
  const user = await synapse.user("alice");
  const stored = async (ids: readonly string[]): Promise<number> =>
    count(
      await theirs.db`select count(*)::int4 as n from events where event_id = any(${ids}::text[]) and not outlier and rejection_reason is null`,
    );
  return [...all, { name: "Synapse", server: synapse, database: theirs, user, stored }];
}

/** Peers with their rooms, in which every server takes part. */
async function prepare({ peers, rooms, members }: Scenario, servers: readonly Measured[]): Promise<{ peer: Peer; rooms: PeerRoom[] }[]> {
  const made = [];
  for (let p = 0; p < peers; p++) {
    const peer = await createPeer({ url: pair.ours.url, serverName: pair.ours.name });
    peer.answer("PUT /_matrix/federation/v1/send/", () => ({ pdus: {} }));
    const own = Array.from({ length: rooms }, () => crowdedRoom(peer, members));
    for (const room of own) {
      for (const { user } of servers) await user.ok("POST", `/join/${encodeURIComponent(room.roomId)}?via=${peer.name}`, {});
      await tellFirst(peer, room, servers);
    }
    made.push({ peer, rooms: own });
  }
  return made;
}

/** Who joined before hears of the others' joins. */
async function tellFirst(peer: Peer, room: PeerRoom, servers: readonly Measured[]): Promise<void> {
  for (const [n, { server }] of servers.entries())
    for (const later of servers.slice(n + 1)) {
      const join = room.state.get(`m.room.member\u0000${later.user.userId}`);
      if (join) await deliver(server.url, parcel(peer, server.name, [join]));
    }
}

/** All events of a scenario: of each peer a list of transactions. */
function generate(
  { make, members }: Scenario,
  peers: readonly { peer: Peer; rooms: PeerRoom[] }[],
  from: number,
  transactions: number,
): RoomEvent[][][] {
  const each = transactions / peers.length;
  return peers.map(({ peer, rooms }) =>
    Array.from({ length: each }, (_, t) =>
      Array.from({ length: PER_TRANSACTION }, (_, e) => {
        const n = from + t * PER_TRANSACTION + e;
        return make(peer, rooms[n % rooms.length] as PeerRoom, n, members);
      }),
    ),
  );
}

async function allStored(target: Measured, ids: readonly string[]): Promise<void> {
  for (const begin = performance.now(); (await target.stored(ids)) < ids.length; await sleep(POLL_MS)) {
    if (performance.now() - begin > PATIENCE_MS) throw new Error(`${target.name} stored ${await target.stored(ids)} of ${ids.length}`);
  }
}

async function run(target: Measured, peers: readonly { peer: Peer }[], work: readonly RoomEvent[][][]): Promise<Cost> {
  const { server, database } = target;
  const parcels = work.map((own, p) => own.map((events) => parcel((peers[p] as { peer: Peer }).peer, server.name, events)));
  const ids = work.flat(2).map(({ eventId }) => eventId);
  const [cpu, backends, begin] = [cpuOf(server.pid()), await databaseCpu(database), performance.now()];
  await Promise.all(
    parcels.map(async (own, p) => {
      for (const [t, one] of own.entries()) {
        await deliver(server.url, one);
        // Synapse throws most of what waits in a room away once there are 100 events.
        await allStored(
          target,
          (work[p]?.[t] ?? []).map(({ eventId }) => eventId),
        );
      }
    }),
  );
  const wall = performance.now() - begin;
  return {
    rate: (ids.length * 1_000) / wall,
    server: (cpuOf(server.pid()) - cpu) / ids.length,
    database: cpuBetween(backends, await databaseCpu(database)) / ids.length,
  };
}

/** ms for one signature check, as nothing is faster than that. */
function signatureCheck(): number {
  const key = signingKeyFromSeed("example.org", "ed25519:a", Buffer.alloc(32, 7));
  const [text, verify] = ["x".repeat(600), verifyKeyFromBase64(key.publicKey)];
  const signature = key.sign(text);
  const check = (times: number): void => {
    for (let i = 0; i < times; i++) if (!verify?.verifies(text, signature)) throw new Error("a good signature was refused");
  };
  check(200);
  const { user, system } = process.cpuUsage();
  check(2_000);
  const after = process.cpuUsage();
  return (after.user - user + after.system - system) / 1_000 / 2_000;
}

const row = (cells: readonly (string | number)[]): boolean => say(`| ${cells.join(" | ")} |`);
const ms = (value: number): string => value.toFixed(3);

test("what an event of another server costs", async () => {
  const servers = await measured();
  const wanted = process.env["SYNAPSE_TS_LOAD"] === "ours" ? servers.slice(0, 1) : servers;
  say(`One signature check: ${ms(signatureCheck())} ms of CPU\n`);
  row(["what", "server", "PDUs/s", "ms of CPU, server", "ms of CPU, database", "rate against Synapse", "CPU against Synapse"]);
  row(["---", "---", "---:", "---:", "---:", "---:", "---:"]);
  for (const scenario of scenarios) {
    const peers = await prepare(scenario, wanted);
    const warm = generate(scenario, peers, 0, scenario.peers * Math.ceil(WARM_UP / scenario.peers));
    const work = generate(scenario, peers, 10_000, TRANSACTIONS);
    const costs: Cost[] = [];
    for (const target of wanted) {
      await run(target, peers, warm);
      costs.push(await run(target, peers, work));
    }
    const theirs = costs[1];
    for (const [n, { name }] of wanted.entries()) {
      const cost = costs[n] as Cost;
      const ratios =
        theirs && n === 0
          ? [
              `${(cost.rate / theirs.rate).toFixed(1)} times`,
              `1/${((theirs.server + theirs.database) / (cost.server + cost.database)).toFixed(1)}`,
            ]
          : ["", ""];
      row([scenario.name, name, cost.rate.toFixed(0), ms(cost.server), ms(cost.database), ...ratios]);
    }
    for (const { peer } of peers) await peer.close();
  }
  for (const { name, server } of wanted) say(`\n${name}: ${memoryOf(server.pid()).peak} MiB at most`);
}, 3_600_000);
