import { systemClock } from "../../../src/lib/clock";
import { createSoloBus } from "../../../src/replication/bus";
import { Leases } from "../../../src/replication/leases";
import type { LeasesOptions } from "../../../src/replication/leases";
import type { Db } from "../../../src/storage/db";
import { LeaseLostError } from "../../../src/storage/databaseError";
import { sweepLeases } from "../../../src/storage/leases";
import type { Fence } from "../../../src/storage/leases";
import { lockStream } from "../../../src/storage/streamIds";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";
import { createHub } from "../../builders/hub";
import { quietLog } from "../../builders/replication";

let database: TestDatabase;
const started: Leases[] = [];
beforeAll(async () => void (database = await createTestDatabase()));
afterEach(async () => {
  for (const leases of started.splice(0)) await leases.stop();
  await database.db`delete from leases`;
});
afterAll(() => database.drop());

const candidates = { events: ["w1", "w2"], typing: ["w1", "w2"], main: ["main"] };
const rooms = Array.from({ length: 50 }, (_, i) => `!room${i}`);

/** A process whose time the test moves. While its clock stands still and its timer is far away, it is as good as frozen. */
async function standUp(instance: string, options: Partial<LeasesOptions> = {}) {
  const clock = { at: 0, monotonic: () => clock.at };
  const replaced: Error[] = [];
  const leases = new Leases({
    db: database.db,
    bus: createSoloBus(),
    channel: "leases",
    instance,
    standsFor: instance === "main" ? ["main"] : ["events", "typing"],
    candidates,
    clock,
    log: quietLog,
    onReplaced: (error) => replaced.push(error),
    ttlMs: 60_000,
    renewMs: 30_000,
    ...options,
  });
  const look = async () => {
    clock.at += 1_000;
    await leases.refresh();
  };
  started.push(leases);
  await leases.start();
  return { leases, clock, replaced, look };
}

/** Takes a stream's lock as a writer does. */
const underLock = (fence: Fence, db: Db = database.db): Promise<void> => lockStream(db, { lockKey: 1, fence });

/** As if the process had not renewed its leases in time. */
async function expire(instance: string): Promise<void> {
  await database.db`update leases set expires_at = clock_timestamp() - interval '1 ms' where instance = ${instance}`;
}

test("all come to the same owners, and each key has one", async () => {
  const [w1, w2] = [await standUp("w1"), await standUp("w2")];
  await w1.look();
  const owners = rooms.map((room) => w1.leases.ownerOf("events", room));
  expect(owners).toEqual(rooms.map((room) => w2.leases.ownerOf("events", room)));
  expect(new Set(owners)).toEqual(new Set(["w1", "w2"]));
  for (const room of rooms) expect(w1.leases.isMine("events", room)).toBe(!w2.leases.isMine("events", room));
  expect(w1.leases.ownerOf("main")).toBe("main");
});

test("to look again and again does not put off the renewal of the own leases", async () => {
  const { leases } = await standUp("w1", { clock: systemClock, renewMs: 200 });
  const expiry = async () => (await database.db<{ at: string }>`select max(expires_at)::text as at from leases`)[0]?.at ?? "";
  const before = await expiry();
  await eventually(async () => {
    await leases.refresh();
    return (await expiry()) > before;
  });
});

test("when one dies the other takes over, and the dead one cannot write when it wakes", async () => {
  const [w1, w2] = [await standUp("w1"), await standUp("w2")];
  const changes: number[] = [];
  w2.leases.onChange(() => changes.push(1));
  const old = w1.leases.fence("events");
  await underLock(old);
  await expire("w1");
  await w2.look();
  expect(changes.length).toBe(1);
  expect(w2.leases.isLive("w1")).toBe(false);
  expect(rooms.every((room) => w2.leases.isMine("events", room))).toBe(true);
  await expect(underLock(old)).rejects.toThrow(LeaseLostError);
});

test("a writer whose lease ends while it waits for the lock does not write after whoever has it", async () => {
  const [w1, w2] = [await standUp("w1"), await standUp("w2")];
  const [first, second] = [w1.leases.fence("events"), w2.leases.fence("events")];
  let late: Promise<void> = Promise.resolve();
  await database.db.tx(async (tx) => {
    await underLock(second, tx);
    // On a connection of its own: what is sent behind it on a shared one waits too.
    late = database.db.tx((other) => underLock(first, other));
    late.catch(() => undefined);
    await expire("w1");
    await w2.look();
  });
  await expect(late).rejects.toThrow(LeaseLostError);
});

test("a process that could not renew in time does not trust its own leases", async () => {
  const { leases, clock } = await standUp("w1");
  expect(leases.isMine("typing")).toBe(true);
  clock.at += 60_001;
  expect(leases.isMine("typing")).toBe(false);
});

test("a process taken for dead stands up again in another life", async () => {
  const { leases } = await standUp("w1", { renewMs: 20 });
  const { epoch } = leases.fence("events");
  await database.db`delete from leases where instance = 'w1'`;
  await eventually(() => leases.fence("events").epoch !== epoch);
  // It believes in itself a moment before the database does.
  const holds = (): Promise<boolean> =>
    underLock(leases.fence("events")).then(
      () => true,
      () => false,
    );
  await eventually(holds);
  expect(leases.isMine("events", "!a")).toBe(true);
});

test("after a graceful stop others know at once, because it is announced", async () => {
  const hub = createHub();
  const w1 = await standUp("w1", { bus: hub.endpoint() });
  const w2 = await standUp("w2", { bus: hub.endpoint() });
  await eventually(() => w1.leases.isLive("w2"));
  await w1.leases.stop();
  await eventually(() => !w2.leases.isLive("w1") && w2.leases.isMine("events", "!a"));
});

test("a process can find out whether it is alone", async () => {
  const w1 = await standUp("w1");
  expect(w1.leases.others()).toEqual([]);
  await standUp("w2");
  await w1.look();
  expect(w1.leases.others()).toEqual(["w2"]);
});

test("where the configuration doesn't say who has a duty, whoever stands has it", async () => {
  const { leases } = await standUp("p1", { standsFor: ["pusher"], candidates: { pusher: ["*"] } });
  expect(leases.isMine("pusher", "@a")).toBe(true);
});

test("who is not configured to stand for something does not", async () => {
  const w1 = await standUp("w1");
  await standUp("w9");
  await w1.look();
  expect(rooms.every((room) => w1.leases.isMine("events", room))).toBe(true);
});

test("where nobody lives the configured ones are named", async () => {
  const { leases } = await standUp("main");
  expect(["w1", "w2"]).toContain(leases.ownerOf("events", "!a"));
  expect(leases.isMine("events", "!a")).toBe(false);
  expect(leases.isLive("w1")).toBe(false);
  expect(leases.isLive("sync1")).toBe(true);
});

describe("a second main process", () => {
  /** Its clock runs fast, so that it gives up after a few looks. */
  const impatient = () => {
    let at = 0;
    return { monotonic: () => (at += 20_000) };
  };

  test("is refused while the first one lives", async () => {
    await standUp("main");
    await expect(standUp("main", { clock: impatient() })).rejects.toThrow("another main process holds this database");
  });

  test("waits for the lease of one that was killed", async () => {
    await standUp("main");
    const second = standUp("main");
    await expire("main");
    expect((await second).leases.isMine("main")).toBe(true);
  });

  test("does not wait where something else proves that the first one is gone", async () => {
    const first = await standUp("main", { renewMs: 20, clock: impatient() });
    const second = await standUp("main", { unique: true });
    expect(second.leases.isMine("main")).toBe(true);
    await eventually(() => first.replaced.length === 1);
  });

  test("ends the first one if that had been frozen", async () => {
    const first = await standUp("main", { renewMs: 20, ttlMs: 60_000, clock: impatient() });
    const stolen = database.db`update leases set epoch = 999999, expires_at = clock_timestamp() + interval '1 hour' where instance = 'main'`;
    await stolen;
    await eventually(() => first.replaced.length === 1);
    expect(first.replaced[0]?.message).toBe("another main process holds this database");
  });
});

test("leases that expired are swept by whoever looks", async () => {
  await standUp("w1");
  await expire("w1");
  expect(await sweepLeases(database.db)).toEqual([]);
});

describe("processes that share work in different ways", () => {
  const short = { ttlMs: 300, renewMs: 100, clock: systemClock };

  test("one that differs from those that run does not start", async () => {
    await standUp("w1", { sharding: "a" });
    await expect(standUp("w2", { ...short, sharding: "b" })).rejects.toThrow(/w1 runs with other values of stream_writers/);
    expect((await sweepLeases(database.db)).map(({ instance }) => instance)).not.toContain("w2");
    await standUp("w2", { sharding: "a" });
  });

  test("it starts when the others have stopped, or are dead", async () => {
    const { leases } = await standUp("w1", { sharding: "a" });
    setTimeout(() => void leases.stop(), 100);
    await standUp("w2", { clock: systemClock, sharding: "b" });
    await standUp("main", { sharding: "b" });
    await expire("w2");
    await standUp("w3", { sharding: "b", standsFor: [] });
  });

  test("a process that does not say is left alone", async () => {
    await standUp("w1");
    await standUp("w2", { sharding: "b" });
  });
});
