import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildSync } from "esbuild";
import { systemClock } from "../../../src/lib/clock";
import { locateBinaries } from "../../../src/storage/embeddedBinaries";
import { embeddedAddress } from "../../../src/storage/embeddedCluster";
import { isAlive, serverState } from "../../../src/storage/embeddedServer";
import { createDatabase, type Pool } from "../../../src/storage/pool";
import { eventually } from "../../builders/eventually";

const ORDINARY = 65534;
const isRoot = process.getuid?.() === 0;
const users = isRoot ? (["root", "an ordinary user"] as const) : (["an ordinary user"] as const);

let base: string;
let script: string;
const children: ChildProcess[] = [];
const pools: Pool[] = [];

beforeAll(() => {
  base = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "synapse-ts-embedded-"));
  chmodSync(base, 0o777);
  script = join(base, "main.js");
  buildSync({ entryPoints: [join(__dirname, "embeddedMain.ts")], bundle: true, platform: "node", outfile: script, logLevel: "error" });
});

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()));
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  for (const name of readdirSync(base)) {
    const state = serverState(join(base, name, "cluster"));
    if (state && isAlive(state.pid)) process.kill(state.pid, "SIGQUIT");
  }
  rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

interface Main {
  readonly pid: number;
  readonly lines: { kind: string; text: string }[];
  /** Resolves with the text of the first line of one of these kinds. */
  says(...kinds: string[]): Promise<{ kind: string; text: string }>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

function startMain(user: (typeof users)[number], directory: string): Main {
  const command = [process.execPath, script, directory, locateBinaries()];
  const asOther = ["setpriv", `--reuid=${ORDINARY}`, `--regid=${ORDINARY}`, "--clear-groups", "--"];
  const [file = "", ...args] = isRoot && user !== "root" ? [...asOther, ...command] : command;
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines: Main["lines"] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line) as Main["lines"][number]));
  return {
    pid: child.pid ?? 0,
    lines,
    says: async (...kinds) => {
      const find = () => lines.find((line) => kinds.includes(line.kind));
      await eventually(() => find() !== undefined);
      return find() ?? { kind: "", text: "" };
    },
    kill: async (signal) => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill(signal);
      await ended;
    },
  };
}

async function connect(directory: string): Promise<Pool> {
  const pool = await createDatabase({ ...embeddedAddress(directory), max: 2 }, { clock: systemClock });
  pools.push(pool);
  return pool;
}

const serverPid = (directory: string): number => serverState(join(directory, "cluster"))?.pid ?? 0;

describe.each(users)("as %s", (user) => {
  const directory = () => join(base, user === "root" ? "root" : "ordinary");

  test("starts, stops, and keeps the data", async () => {
    let main = startMain(user, directory());
    expect(await main.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    const db = await connect(directory());
    await db`create table kept (n int)`;
    await db`insert into kept values (1)`;
    const [settings] = await db`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
      current_setting('full_page_writes') as pages, current_setting('data_checksums') as checksums, current_setting('listen_addresses') as network`;
    expect(settings).toEqual({ fsync: "on", commit: "on", pages: "on", checksums: "on", network: "" });
    const pid = serverPid(directory());
    await main.kill("SIGTERM");
    expect(isAlive(pid)).toBe(false);
    main = startMain(user, directory());
    expect(await main.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    expect(await db`select n from kept`).toEqual([{ n: 1 }]);
    await main.kill("SIGTERM");
  });

  test("a server that outlived its killed main process is adopted, and stopped by the next", async () => {
    const first = startMain(user, directory());
    await first.says("ready");
    const pid = serverPid(directory());
    await first.kill("SIGKILL");
    expect(isAlive(pid)).toBe(true);
    const second = startMain(user, directory());
    expect(await second.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    expect(serverPid(directory())).toBe(pid);
    await second.kill("SIGTERM");
    expect(isAlive(pid)).toBe(false);
  });

  test("a second main process is refused and disturbs nothing", async () => {
    const first = startMain(user, directory());
    await first.says("ready");
    const pid = serverPid(directory());
    const second = startMain(user, directory());
    const refusal = await second.says("ready", "refused");
    expect(refusal).toEqual({
      kind: "refused",
      text: `the data directory ${directory()} is in use by process ${first.pid}: only one main process can use it`,
    });
    expect(serverPid(directory())).toBe(pid);
    const db = await connect(directory());
    expect(await db`select n from kept`).toEqual([{ n: 1 }]);
    await first.kill("SIGTERM");
  });

  test("a killed server is started again, an adopted one too, and the pool goes on", async () => {
    let main = startMain(user, directory());
    await main.says("ready");
    const db = await connect(directory());
    for (const adopt of [false, true]) {
      if (adopt) {
        await main.kill("SIGKILL");
        main = startMain(user, directory());
        await main.says("ready");
      }
      const pid = serverPid(directory());
      process.kill(pid, "SIGKILL");
      await main.says("error");
      await eventually(() => main.lines.some((line) => line.text === "the embedded database runs again"));
      expect(serverPid(directory())).not.toBe(pid);
      expect(await db`select n from kept`).toEqual([{ n: 1 }]);
    }
    await main.kill("SIGTERM");
  });

  test("when both are killed at once, nothing acknowledged is lost", async () => {
    const main = startMain(user, directory());
    await main.says("ready");
    const db = await connect(directory());
    const pid = serverPid(directory());
    let acknowledged = 0;
    const insert = async (): Promise<void> => {
      for (let n = 100; ; n++) {
        await db`insert into kept values (${n})`;
        acknowledged = n;
      }
    };
    const inserting = insert().catch(() => undefined);
    await eventually(() => acknowledged > 200);
    process.kill(pid, "SIGKILL");
    await Promise.all([main.kill("SIGKILL"), inserting]);
    const next = startMain(user, directory());
    expect(await next.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    const [row] = await db<{ n: number }>`select count(*) as n from kept where n between 100 and ${acknowledged}`;
    expect(row?.n).toBe(acknowledged - 99);
    await next.kill("SIGTERM");
  });

  test("a pid file that names some other program is no obstacle", async () => {
    const lines = [process.pid, join(directory(), "cluster"), "1700000000", "5432", join(directory(), "cluster"), "", "", "ready"];
    const file = join(directory(), "cluster", "postmaster.pid");
    writeFileSync(file, lines.join("\n") + "\n");
    if (isRoot) chownSync(file, ORDINARY, ORDINARY);
    const main = startMain(user, directory());
    expect(await main.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    await main.kill("SIGTERM");
  });

  test("of two main processes that make a new database at once, one gets it", async () => {
    const fresh = `${directory()}-fresh`;
    const mains = [startMain(user, fresh), startMain(user, fresh)];
    const answers = await Promise.all(mains.map((main) => main.says("ready", "refused")));
    expect(answers.map((answer) => answer.kind).sort()).toEqual(["ready", "refused"]);
    expect(readdirSync(fresh).sort()).toEqual(["cluster", "postgres.log"]);
    await Promise.all(mains.map((main, i) => (answers[i]?.kind === "ready" ? main.kill("SIGTERM") : undefined)));
  });

  test("a long path puts the socket elsewhere, closed to others", async () => {
    const long = join(base, `${user === "root" ? "r" : "o"}${"x".repeat(110)}`);
    const main = startMain(user, long);
    expect(await main.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    const { host } = embeddedAddress(long);
    expect(host).toMatch(/^\/tmp\/synapse-ts-[0-9a-f]{16}$/);
    const db = await connect(long);
    expect(await db`select 1 as n`).toEqual([{ n: 1 }]);
    await main.kill("SIGTERM");
    rmSync(host, { recursive: true });
  });

  test("a database of another major version is refused", async () => {
    const file = join(directory(), "cluster", "PG_VERSION");
    const version = readFileSync(file);
    writeFileSync(file, "11\n");
    const main = startMain(user, directory());
    const refusal = await main.says("ready", "refused");
    expect(refusal).toMatchObject({ kind: "refused", text: expect.stringMatching(/made by PostgreSQL 11, .* brings PostgreSQL 18/) });
    writeFileSync(file, version);
  });

  test("a broken setting is told in one line", async () => {
    const file = join(directory(), "cluster", "postgresql.local.conf");
    writeFileSync(file, "shared_buffers = 'many'\n", { mode: 0o644 });
    const main = startMain(user, directory());
    const refusal = await main.says("ready", "refused");
    expect(refusal.text).toMatch(/^the embedded database does not start: .*postgresql\.local\.conf.*\(log: .*postgres\.log\)$/);
    rmSync(file);
  });
});

test("a data directory that cannot be made is told in one line", async () => {
  const closed = join(base, "closed");
  mkdirSync(closed, { mode: 0o500 });
  const main = startMain("an ordinary user", join(closed, "data"));
  expect(await main.says("ready", "refused")).toMatchObject({ kind: "refused", text: expect.stringContaining("cannot be made: EACCES") });
});

const namespaces = isRoot && spawnSync("unshare", ["--user", "--map-user=65534", "--map-group=65534", "true"]).status === 0;
(namespaces ? test : test.skip)("root with a folder that nobody else can enter", async () => {
  const closed = join(base, "roots-own");
  mkdirSync(closed, { mode: 0o700 });
  const directory = join(closed, "data");
  for (let start = 0; start < 2; start++) {
    const main = startMain("root", directory);
    expect(await main.says("ready", "refused")).toEqual({ kind: "ready", text: "" });
    const db = await connect(directory);
    expect(await db`select 1 as n`).toEqual([{ n: 1 }]);
    await main.kill("SIGTERM");
    expect(existsSync(join(directory, "cluster", "postmaster.pid"))).toBe(false);
  }
});
