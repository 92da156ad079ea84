import { spawnSync } from "node:child_process";
import dns from "node:dns";
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock";
import type { DatabaseTls } from "../../../src/storage/databaseOptions";
import { locateBinaries } from "../../../src/storage/embeddedBinaries";
import { prepareCluster } from "../../../src/storage/embeddedCluster";
import { ensureRunning, stopServer } from "../../../src/storage/embeddedProcess";
import { CLUSTER_USER } from "../../../src/storage/embeddedServer";
import { createDatabase } from "../../../src/storage/pool";

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const openssl = spawnSync("openssl", ["version"]).status === 0;

let directory: string;
let context: Parameters<typeof ensureRunning>[0];
let port: number;
let certificate: string;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function start(settings: Record<string, string | number>): Promise<void> {
  await stopServer(context);
  context = {
    ...context,
    settings: { listen_addresses: "127.0.0.1", port, fsync: "off", dynamic_shared_memory_type: "mmap", ...settings },
  };
  await ensureRunning(context);
}

/** A real lookup waits behind those that earlier tests of this process left, and those for name servers. */
function answerLookups(): void {
  const { lookup } = dns;
  type Lookup = (name: string, options: dns.LookupOptions, done: (...found: unknown[]) => void) => void;
  const answer: Lookup = (name, options, done) => {
    if (name !== "localhost") return (lookup as Lookup)(name, options, done);
    const [address, family] = ["127.0.0.1", 4];
    process.nextTick(() => (options.all ? done(null, [{ address, family }]) : done(null, address, family)));
  };
  jest.spyOn(dns, "lookup").mockImplementation(answer as never);
}

/** Whether the connection is encrypted, or the message of the error. */
async function tryTls(tls: DatabaseTls, host = "localhost"): Promise<unknown> {
  const options = { host, port, user: CLUSTER_USER, database: "postgres", tls, max: 1 };
  try {
    const db = await createDatabase(options, { clock: systemClock });
    const [row] = await db<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    await db.close();
    return row?.ssl;
  } catch (error) {
    return (error as Error).message;
  }
}

(openssl ? describe : describe.skip)("TLS to a server", () => {
  beforeAll(async () => {
    answerLookups();
    directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "synapse-ts-tls-"));
    chmodSync(directory, 0o711);
    port = await freePort();
    const cluster = await prepareCluster(directory, locateBinaries());
    context = { cluster, settings: {}, clock: systemClock, log };
    const [key, cert] = [join(cluster.directory, "server.key"), join(cluster.directory, "server.crt")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...subject]);
    const { uid, gid } = cluster.identity;
    for (const file of [key, cert]) {
      chmodSync(file, 0o600);
      if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid);
    }
    certificate = readFileSync(cert, "utf8");
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await stopServer(context);
    rmSync(directory, { recursive: true, force: true });
  });

  test("each mode against a server with a certificate of its own", async () => {
    await start({ ssl: "on" });
    expect(await tryTls({ mode: "disable" })).toBe(false);
    expect(await tryTls({ mode: "prefer" })).toBe(true);
    expect(await tryTls({ mode: "require" })).toBe(true);
    expect(await tryTls({ mode: "verify-full", rootCert: certificate })).toBe(true);
    expect(await tryTls({ mode: "verify-full" })).toMatch(/self-signed certificate/);
    expect(await tryTls({ mode: "verify-ca", rootCert: "system" })).toMatch(/self-signed certificate/);
    expect(await tryTls({ mode: "verify-full", rootCert: certificate }, "127.0.0.1")).toMatch(/does not match|not in the cert/);
    expect(await tryTls({ mode: "verify-ca", rootCert: certificate }, "127.0.0.1")).toBe(true);
  });

  test("each mode against a server without TLS", async () => {
    await start({ ssl: "off" });
    expect(await tryTls({ mode: "prefer" })).toBe(false);
    expect(await tryTls({ mode: "allow" })).toBe(false);
    expect(await tryTls({ mode: "require" })).toMatch(/sslmode is require, but the server does not offer TLS/);
    expect(await tryTls({ mode: "verify-full" })).toMatch(/sslmode is verify-full, but/);
  });

  test("passwords", async () => {
    await start({ ssl: "off" });
    const db = await createDatabase({ host: "127.0.0.1", port, user: CLUSTER_USER, database: "postgres", max: 1 }, { clock: systemClock });
    await db`create role careful login password 's3cret'`;
    await db.close();
    writeFileSync(join(context.cluster.directory, "pg_hba.conf"), "host all all 127.0.0.1/32 scram-sha-256\n");
    await start({ ssl: "off" });
    const connect = (password?: string) =>
      createDatabase({ host: "127.0.0.1", port, user: "careful", password, database: "postgres", max: 1 }, { clock: systemClock });
    const careful = await connect("s3cret");
    expect(await careful`select current_user::text as me`).toEqual([{ me: "careful" }]);
    await careful.close();
    await expect(connect("wrong")).rejects.toMatchObject({
      permanent: true,
      message: expect.stringContaining("password authentication failed"),
    });
    await expect(connect()).rejects.toMatchObject({ name: "DatabaseUnavailableError", permanent: true });
  });
});
