import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { sendRoomEvent } from "../../../src/handlers/rooms/messages";
import { slidingSync } from "../../../src/handlers/slidingSync/slidingSync";
import type { SlidingSyncRequest } from "../../../src/handlers/slidingSync/request";
import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { createMetrics } from "../../../src/observe/metrics";
import { createSoloBus } from "../../../src/replication/bus";
import { soloOwnership } from "../../../src/replication/ownership";
import type { Database, Db, Param } from "../../../src/storage/db";
import { createApp } from "../../../src/server/app";
import type { RunningApp } from "../../../src/server/app";
import { quietLog } from "../../builders/app";
import { testConfig } from "../../builders/config";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import type { Body } from "./harness";

let database: TestDatabase;
let running: RunningApp;
let statements: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  // Each cast only forgets and restores the type of the rows.
  const counted = ((strings: TemplateStringsArray, ...params: readonly Param[]) => {
    statements.push(strings.join("?").trim());
    return database.db(strings, ...params);
  }) as Db;
  const db: Database = Object.assign(counted, { tx: database.db.tx, close: database.db.close });
  const config = testConfig();
  running = createApp({
    config,
    db,
    clock: systemClock,
    random: systemRandom,
    log: quietLog,
    metrics: createMetrics(config.server_name),
    deployment: { bus: createSoloBus(), ownership: soloOwnership("main"), transport: undefined },
  });
  await running.start();
});
afterAll(async () => {
  await running.stop();
  await database.drop();
});

test("what is known costs nothing, and what is not is read for all rooms together", async () => {
  const { app } = running;
  const alice = { ...requesterFor("@alice:test.local"), deviceId: "D" };
  const rooms: string[] = [];
  for (let i = 0; i < 8; i++) rooms.push((await createRoom(app, alice, { name: `${i}` })).roomId);
  let pos: string | undefined;
  async function next(last: number): Promise<{ answer: Body; cost: number }> {
    const config = { timeline_limit: 1, required_state: [["m.room.create", ""] as const, ["m.room.member", "$LAZY"] as const] };
    const request: SlidingSyncRequest = {
      connId: "",
      pos,
      txnId: undefined,
      timeout: 0,
      setPresence: "offline",
      lists: new Map([["all", { ...config, ranges: [[0, last]] }]]),
      subscriptions: new Map(),
      extensions: {
        account_data: { enabled: true },
        receipts: { enabled: true },
        typing: { enabled: true },
        e2ee: { enabled: true },
        to_device: { enabled: true },
      },
      signal: new AbortController().signal,
    };
    statements = [];
    const answer: Body = await slidingSync(app, alice, request);
    pos = answer.pos;
    return { answer, cost: statements.length };
  }
  await next(0);
  const two = await next(2);
  const six = await next(7);
  expect([Object.keys(two.answer.rooms), Object.keys(six.answer.rooms)].map((ids) => ids.length)).toEqual([2, 5]);
  expect(six.cost).toBeLessThanOrEqual(two.cost);
  expect((await next(7)).cost).toBe(0);
  await sendRoomEvent(app, alice, {
    roomId: rooms[3] ?? "",
    type: "m.room.message",
    content: { msgtype: "m.text", body: "hi" },
    txnId: "t",
  });
  const news = await next(7);
  expect(Object.keys(news.answer.rooms)).toEqual([rooms[3]]);
  expect(news.cost).toBeLessThanOrEqual(2);
});
