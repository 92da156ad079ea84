import { systemClock } from "../../../src/lib/clock";
import { DatabaseError, DatabaseUnavailableError, isUniqueViolation } from "../../../src/storage/databaseError";
import type { DatabaseOptions } from "../../../src/storage/databaseOptions";
import type { Db } from "../../../src/storage/db";
import { createDatabase, type Pool } from "../../../src/storage/pool";
import { createTestDatabase, type TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";

const hooks = { clock: systemClock };
let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
  db = database.db;
  await db`create table things (id int8 primary key, name text constraint names_differ unique)`;
});
afterAll(() => database.drop());
beforeEach(() => db`truncate things`);

async function withPool<T>(changes: Partial<DatabaseOptions>, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = await createDatabase({ ...database.options, ...changes }, hooks);
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}

const insert = (on: Db, id: number) => on`insert into things (id) values (${id})`;
const ids = async (): Promise<number[]> => (await db<{ id: number }>`select id from things order by id`).map((row) => row.id);

describe("transactions", () => {
  test("commit what they did and answer what fn answers", async () => {
    const answer = await db.tx(async (tx) => {
      await insert(tx, 1);
      await insert(tx, 2);
      return "done";
    });
    expect(answer).toBe("done");
    expect(await ids()).toEqual([1, 2]);
  });

  test("roll back when fn throws, and the connection is usable after", async () => {
    const failure = new Error("changed my mind");
    await expect(
      db.tx(async (tx) => {
        await insert(tx, 1);
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(await ids()).toEqual([]);
    await db.tx((tx) => insert(tx, 2));
    expect(await ids()).toEqual([2]);
  });

  test("run statements in the order in which they were started, without waiting for answers", async () => {
    const rows = await db.tx((tx) =>
      Promise.all([
        insert(tx, 1),
        tx`select count(*) as n from things`,
        insert(tx, 2),
        tx`select count(*) as n from things`,
        tx`update things set name = 'x' || id`,
        tx`select name from things order by id`,
      ]),
    );
    expect(rows).toEqual([[], [{ n: 1 }], [], [{ n: 2 }], [], [{ name: "x1" }, { name: "x2" }]]);
  });

  test("fail as a whole when a statement failed, though fn goes on", async () => {
    const swallowing = db.tx(async (tx) => {
      await insert(tx, 1);
      await insert(tx, 1).catch(() => undefined);
      return "all is well";
    });
    await expect(swallowing).rejects.toMatchObject({ code: "23505", constraint: "things_pkey" });
    expect(await ids()).toEqual([]);
  });

  test("tell of the first failure, not of the statements that it took with it", async () => {
    const pipelined = db.tx(async (tx) => {
      const failing = tx`select 1 / ${0}::int`;
      const after = tx`select 1 as n`;
      await after;
      await failing;
    });
    await expect(pipelined).rejects.toMatchObject({ code: "22012" });
  });

  test("refuse statements after their end", async () => {
    const late = await db.tx(async (tx) => () => tx`select 1`);
    await expect(late()).rejects.toThrow("the transaction is over");
  });

  test("wait for statements that fn did not wait for", async () => {
    await db.tx(async (tx) => {
      void insert(tx, 1);
      void insert(tx, 2);
    });
    expect(await ids()).toEqual([1, 2]);
  });

  test("run again after a deadlock", async () => {
    await Promise.all([insert(db, 1), insert(db, 2)]);
    let runs = 0;
    let arrived = 0;
    const both = (first: number, second: number) =>
      db.tx(async (tx) => {
        runs++;
        await tx`update things set name = coalesce(name, id::text) || 'x' where id = ${first}`;
        arrived++;
        if (runs <= 2) await eventually(() => arrived >= 2);
        await tx`update things set name = coalesce(name, id::text) || 'y' where id = ${second}`;
      });
    await Promise.all([both(1, 2), both(2, 1)]);
    expect(runs).toBe(3);
    expect(await db`select name from things order by id`).toEqual([
      { name: expect.stringMatching(/^1(xy|yx)$/) },
      { name: expect.stringMatching(/^2(xy|yx)$/) },
    ]);
  });

  test("run again when the connection is cut before the commit, five times at most", async () => {
    let runs = 0;
    const cut = (times: number) => {
      runs = 0;
      return db.tx(async (tx) => {
        await insert(tx, ++runs);
        if (runs <= times) await tx`select pg_terminate_backend(pg_backend_pid())`;
      });
    };
    await cut(2);
    expect(await ids()).toEqual([3]);
    await db`truncate things`;
    await expect(cut(9)).rejects.toMatchObject({ name: "DatabaseUnavailableError", executed: "rolled back" });
    expect(runs).toBe(5);
    expect(await ids()).toEqual([]);
  });
});

describe("a statement whose connection is lost", () => {
  /** Cuts connections that wait for the lock `key`, so many, and then lets whoever waits have it. */
  function cutWaiting(times: number, key: number, work: (pool: Pool) => Promise<unknown>): Promise<unknown> {
    return withPool({}, async (pool) => {
      let outcome: Promise<unknown> = Promise.resolve();
      await db.tx(async (tx) => {
        await tx`select pg_advisory_xact_lock(${key})`;
        outcome = work(pool).then(
          () => "answered",
          (error: unknown) => error,
        );
        for (let cuts = 0; cuts < times;) {
          const cut =
            await tx`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = ${key} and not granted`;
          cuts += cut.length;
        }
      });
      return outcome;
    });
  }

  test("is asked again where it only reads", async () => {
    expect(await cutWaiting(2, 71, (pool) => pool`select pg_advisory_lock_shared(71), pg_advisory_unlock_shared(71)`)).toBe("answered");
  });

  test("fails where it may have written", async () => {
    const write = (pool: Pool) => pool`with l as materialized (select pg_advisory_lock_shared(72)) insert into things (id) select 1 from l`;
    expect(await cutWaiting(1, 72, write)).toMatchObject({ name: "DatabaseUnavailableError", executed: "unknown" });
    expect(await ids()).toEqual([]);
  });
});

describe("a pool of one connection", () => {
  test("serves queries and transactions one after another", async () => {
    await withPool({ max: 1 }, async (pool) => {
      await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? insert(pool, i) : pool.tx((tx) => insert(tx, i)))));
      expect((await ids()).length).toBe(20);
      expect(pool.stats()).toEqual({ open: 1, busy: 0, waiting: 0 });
    });
  });

  test("tells who uses the pool inside a transaction, instead of standing still for ever", async () => {
    await withPool({ max: 1, checkoutTimeoutMs: 200 }, async (pool) => {
      const wrong = pool.tx(async (tx) => {
        await insert(tx, 1);
        await pool`select 1`;
      });
      await expect(wrong).rejects.toThrow(/became free within 0.2 s: .*the pool used inside of a transaction/);
      expect(await pool`select 1 as n`).toEqual([{ n: 1 }]);
    });
    expect(await ids()).toEqual([]);
  });
});

describe("sharing", () => {
  test("one slow statement holds up nobody else", async () => {
    await withPool({ max: 2 }, async (pool) => {
      const quick = () => pool<{ n: number }>`select 1 as n`;
      await Promise.all([quick(), quick(), quick()]);
      let finished = false;
      const slow = pool`select pg_sleep(30)`.then(
        () => (finished = true),
        () => undefined,
      );
      for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 40 }, quick));
      expect(finished).toBe(false);
      await pool`select pg_cancel_backend(pid) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`;
      await slow;
    });
  });

  test("a transaction shares its connection with nobody", async () => {
    await withPool({ max: 2 }, async (pool) => {
      const mine = () => pool<{ pid: number }>`select pg_backend_pid() as pid`;
      await Promise.all(Array.from({ length: 10 }, mine));
      await pool.tx(async (tx) => {
        const [row] = await tx<{ pid: number }>`select pg_backend_pid() as pid`;
        const others = await Promise.all(Array.from({ length: 30 }, mine));
        expect(others.flat().map((other) => other.pid)).not.toContain(row?.pid);
      });
    });
  });

  test("the pool grows to its maximum under load and no further", async () => {
    await withPool({ min: 1, max: 4 }, async (pool) => {
      expect(pool.stats().open).toBe(1);
      const open: (() => void)[] = [];
      const transactions = Array.from({ length: 6 }, () => pool.tx(() => new Promise<void>((resolve) => open.push(resolve))));
      await eventually(() => open.length === 4);
      expect(pool.stats()).toEqual({ open: 4, busy: 4, waiting: 2 });
      open.forEach((finish) => finish());
      await eventually(() => open.length === 6);
      open.forEach((finish) => finish());
      await Promise.all(transactions);
    });
  });
});

describe("errors", () => {
  test("carry code, constraint and statement, never the values, and name the caller", async () => {
    await db`insert into things values (1, ${"secret"})`;
    async function storeThing(): Promise<void> {
      await db`insert into things values (2, ${"secret"})`;
    }
    const error: unknown = await storeThing().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DatabaseError);
    expect(isUniqueViolation(error)).toBe(true);
    expect(isUniqueViolation(error, "names_differ")).toBe(true);
    expect(isUniqueViolation(error, "things_pkey")).toBe(false);
    const { message, stack, details } = error as DatabaseError;
    expect(message).not.toContain("secret");
    expect(stack).toContain("storeThing");
    expect(details.statement).toBe("insert into things values (2, $1)");
  });

  test("limits on statements and on idle transactions", async () => {
    await withPool({ statementTimeoutMs: 50 }, async (pool) => {
      await expect(pool`select pg_sleep(20)`).rejects.toMatchObject({ code: "57014" });
    });
    await withPool({ idleInTransactionTimeoutMs: 50, checkoutTimeoutMs: 100 }, async (pool) => {
      const idle = pool.tx(async (tx) => {
        await insert(tx, 1);
        await new Promise((resolve) => setTimeout(resolve, 300));
        await insert(tx, 2);
      });
      await expect(idle).rejects.toBeInstanceOf(DatabaseUnavailableError);
    });
    expect(await ids()).toEqual([]);
  });

  test("of connecting tell where to, and at once when waiting cannot help", async () => {
    const connect = (changes: Partial<DatabaseOptions>) => createDatabase({ ...database.options, ...changes }, hooks);
    await expect(connect({ database: "missing_one", checkoutTimeoutMs: 60_000 })).rejects.toMatchObject({
      message: expect.stringMatching(/^cannot connect to the database at missing_one on .*: database "missing_one" does not exist$/),
      permanent: true,
    });
    await expect(connect({ user: "nobody_here", checkoutTimeoutMs: 60_000 })).rejects.toMatchObject({ permanent: true });
    await expect(connect({ host: "/nonexistent", checkoutTimeoutMs: 100 })).rejects.toMatchObject({
      message: expect.stringContaining("ENOENT"),
      executed: "no",
    });
    await expect(connect({ host: "127.0.0.1", port: 1, checkoutTimeoutMs: 100 })).rejects.toMatchObject({
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

test("closing lets running statements finish and refuses new ones", async () => {
  const pool = await createDatabase(database.options, hooks);
  const running = pool`select 5 as n from pg_sleep(0.05)`;
  await Promise.all([pool.close(), expect(running).resolves.toEqual([{ n: 5 }])]);
  await expect(pool`select 1`).rejects.toThrow("closed");
  await pool.close();
});

test("a session keeps its state, which ends with it", async () => {
  const key = 4711;
  await db.session(async (session) => {
    await session.db`select pg_advisory_lock(${key})`;
    expect(await session.script("select 1; set application_name = 'mine'")).toBe("SET");
    expect(await session.db`show application_name`).toEqual([{ application_name: "mine" }]);
    expect(await db`select pg_try_advisory_lock(${key}) as got`).toEqual([{ got: false }]);
  });
  await eventually(async () => (await db<{ got: boolean }>`select pg_try_advisory_lock(${key}) as got`)[0]?.got === true);
});

test("statements, waits and transactions are reported", async () => {
  const seen: string[] = [];
  const metrics = {
    query: (verb: string, timeMs: number, waitMs: number) => void seen.push(`${verb} ${timeMs >= 0 && waitMs >= 0}`),
    transaction: (name: string) => void seen.push(name),
  };
  const pool = await createDatabase(database.options, { clock: systemClock, metrics });
  seen.length = 0;
  await pool.tx(async function addThing(tx) {
    await insert(tx, 1);
    await tx`select 1`;
  });
  await pool`with x as (select 1) select * from x`;
  await pool`selec 1`.catch(() => undefined);
  expect(seen).toEqual(["INSERT true", "SELECT true", "addThing", "WITH true", "SELEC true"]);
  await pool.close();
});
