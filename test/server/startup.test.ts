import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { request, register } from "../builders/client";
import { createTestDatabase } from "../builders/database";
import { freePorts, says, startProgram } from "../builders/process";
import { createSolo, emptyDirectory, firstStart, killDatabase } from "../builders/solo";
import type { Solo } from "../builders/solo";

const ORDINARY = 65534;
const isRoot = process.getuid?.() === 0;
const users = isRoot
  ? ([
      ["root", undefined],
      ["an ordinary user", ORDINARY],
    ] as const)
  : ([["an ordinary user", undefined]] as const);

const cleanups: (() => Promise<unknown> | void)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function solo(shared: Readonly<Record<string, unknown>> = {}, uid?: number): Promise<Solo> {
  const made = await createSolo({ shared, ...(uid !== undefined && { uid }) });
  cleanups.push(() => made.close());
  return made;
}

/** Starts what cannot start, and gives the one line that it says. */
async function refusal(at: Solo, uid?: number): Promise<string> {
  const failing = await startProgram({ cwd: at.directory, args: ["-c", "homeserver.yaml"], uid });
  expect(await failing.end()).toBe(1);
  const lines = failing
    .stderr()
    .split("\n")
    .filter((line) => line !== "" && line !== "Error in configuration:");
  expect(lines).toHaveLength(1);
  return lines[0] ?? "";
}

const files = (directory: string): string[] =>
  readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name !== "homeserver.log")
    .sort();

describe.each(users)("as %s", (_, uid) => {
  test("the first start needs nothing: it makes a configuration and a database, and the next one finds them", async () => {
    const directory = emptyDirectory(uid);
    cleanups.push(() => killDatabase(join(directory, "data")));
    const { process, url } = await firstStart(directory, uid);
    const account = ["register-user", "-c", "data/homeserver.yaml", "-u", "alice", "-p", "sUp3r s3kr1t", "-a"];
    const registered = await startProgram({ cwd: directory, args: account, uid });
    expect(await registered.end()).toBe(0);
    const login = { type: "m.login.password", identifier: { type: "m.id.user", user: "alice" }, password: "sUp3r s3kr1t" };
    expect((await request(url, "POST", "/login", login)).body.user_id).toBe("@alice:localhost");
    expect((await request(url, "POST", "/register", { username: "eve", auth: { type: "m.login.dummy" } })).status).toBe(403);
    expect(statSync(join(directory, "data", "homeserver.yaml")).mode & 0o077).toBe(0);
    await process.stop();
    const again = await startProgram({ cwd: directory, uid });
    cleanups.push(() => again.kill());
    await says(again, /answers at/);
    expect((await request(url, "POST", "/login", login)).status).toBe(200);
    await again.stop();
  });

  // root reads everything
  (uid === undefined && isRoot ? test.skip : test)("a file that cannot be read is named", async () => {
    const at = await solo({ signing_key: undefined, signing_key_path: "locked/signing.key" }, uid);
    mkdirSync(join(at.directory, "locked"), { mode: 0o700 });
    writeFileSync(join(at.directory, "locked", "signing.key"), "ed25519 a_key AAAA", { mode: 0o600 });
    expect(await refusal(at, uid)).toMatch(/signing_key_path/);
  });
});

const server = (options: { host: string; port: number; user: string; database: string }) => ({
  database: { name: "psycopg2", args: { host: options.host, port: options.port, user: options.user, dbname: options.database } },
});

test("a database server that cannot be reached", async () => {
  const [port = 0] = await freePorts(1);
  const at = await solo(server({ host: "127.0.0.1", port, user: "synapse", database: "synapse" }));
  const before = files(at.directory);
  expect(await refusal(at)).toMatch(`cannot connect to the database at synapse on 127.0.0.1:${port}: connect ECONNREFUSED`);
  expect(files(at.directory)).toEqual(before);
});

test("a database that does not exist", async () => {
  const { options, drop } = await createTestDatabase({ empty: true });
  cleanups.push(drop);
  const at = await solo(server({ ...options, database: "no_such_database" }));
  expect(await refusal(at)).toMatch('database "no_such_database" does not exist');
});

test("a database that a newer version has upgraded", async () => {
  const { db, options, drop } = await createTestDatabase();
  cleanups.push(drop);
  await db`insert into schema_migrations (number, name, hash, oldest_code_version) values (9999, 'future', 'x', '99.0.0')`;
  expect(await refusal(await solo(server(options)))).toMatch(/newer version .*9999_future.*99\.0\.0 or later is needed/);
});

test("Synapse's database", async () => {
  const { db, options, drop } = await createTestDatabase({ empty: true });
  cleanups.push(drop);
  await db.session(({ script }) => script("create table schema_version (version int); create table applied_schema_deltas (file text)"));
  expect(await refusal(await solo(server(options)))).toMatch("this database belongs to Synapse");
  const tables = await db<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public' order by 1`;
  expect(tables.map(({ name }) => name)).toEqual(["applied_schema_deltas", "schema_version"]);
});

test("another server's database", async () => {
  const { db, options, drop } = await createTestDatabase();
  cleanups.push(drop);
  await db`insert into server_facts (name, value) values ('server_name', 'other.example')`;
  expect(await refusal(await solo(server(options)))).toMatch("belongs to the server other.example, and server_name is test.local");
});

test("Synapse's SQLite file", async () => {
  const at = await solo();
  const file = join(at.directory, "homeserver.db");
  writeFileSync(file, "SQLite format 3\0...");
  expect(await refusal(at)).toMatch(`${file} is a SQLite database of another server`);
  expect(readFileSync(file, "utf8")).toBe("SQLite format 3\0...");
  expect(files(at.directory)).toEqual(["homeserver.db", "homeserver.yaml", "log.yaml"]);
});

test("a port that something else has", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  cleanups.push(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const at = await solo({ listeners: [{ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }] }] });
  expect(await refusal(at)).toBe(`Error: cannot listen on 127.0.0.1 port ${port}: something else listens there already`);
});

test("a signing key in a directory that does not exist", async () => {
  const at = await solo({ signing_key: undefined, signing_key_path: "missing/signing.key" });
  expect(await refusal(at)).toMatch(/signing_key_path: .*missing\/signing\.key/);
  expect(files(at.directory)).toEqual(["homeserver.yaml", "log.yaml"]);
});

test("a second main process on one data directory is turned away, and the first one goes on", async () => {
  const at = await solo();
  await at.start();
  const alice = await register(at.url, "alice");
  const { pid } = at.process();
  const file = join(at.directory, "homeserver.yaml");
  const [port = 0] = await freePorts(1);
  writeFileSync(file, readFileSync(file, "utf8").replace(at.url.split(":")[2] ?? "", String(port)));
  expect(await refusal(at)).toBe(
    `Error: the data directory ${join(at.directory, "homeserver.pgdata")} is in use by process ${pid}: only one main process can use it`,
  );
  await alice.say(await alice.createRoom(), "still here");
  await at.process().stop();
});

test("a stop answers those who wait, and lets nobody wait for it", async () => {
  const at = await solo();
  await at.start();
  const alice = await register(at.url, "alice");
  await alice.sync();
  const waiting = alice.sync(60_000);
  // The request is on its way once another one, which was sent later, has been answered.
  await alice.ok("GET", "/account/whoami");
  const [sync] = await Promise.all([waiting, at.process().stop()]);
  expect(sync.next_batch).toBeDefined();
});
