import { existsSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import bcrypt from "bcrypt";
import { main } from "../../../src/cli";
import { checkPidFile, writePidFile } from "../../../src/cli/daemonize";
import { loadConfig } from "../../../src/config/load";
import { VERSION } from "../../../src/lib/version";
import { testIo } from "./testIo";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-ts-cli-"));
});

const at = (name: string): string => join(folder, name);

function write(name: string, text: string): string {
  writeFileSync(at(name), text);
  return at(name);
}

const key = `ed25519 1 ${Buffer.alloc(32).toString("base64")}`;
const sound = (more = ""): string => write("homeserver.yaml", `server_name: a.example\nsigning_key: ${key}\n${more}`);

async function call(args: string[], answers: string[] = []): Promise<{ code: number; out: string; err: string }> {
  const io = testIo(answers);
  const code = await main(args, io);
  return { code, out: io.written(), err: io.complaints() };
}

describe("generate-config", () => {
  test("writes three files that make a sound configuration", async () => {
    const { code, out } = await call([
      "generate-config",
      "-H",
      "a.example",
      "--report-stats",
      "no",
      "--config-directory",
      folder,
      "--data-directory",
      at("data"),
    ]);
    expect(code).toBe(0);
    expect(out).toBe(
      `Wrote ${at("homeserver.yaml")}\nWrote ${at("a.example.log.config")}\nWrote ${at("a.example.signing.key")}\n` +
        `Now edit ${at("homeserver.yaml")}, then start the server with: synapse-ts -c ${at("homeserver.yaml")}\n`,
    );
    expect(statSync(at("homeserver.yaml")).mode & 0o777).toBe(0o600);
    const { config, warnings } = loadConfig([at("homeserver.yaml")]);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      server_name: "a.example",
      report_stats: false,
      enable_registration: false,
      media_store_path: at("data/media_store"),
      listeners: [
        {
          port: 8008,
          tls: false,
          x_forwarded: true,
          bind_addresses: ["::1", "127.0.0.1"],
          resources: [{ names: ["client", "federation"], compress: false }],
        },
      ],
      derived: { database: { kind: "embedded", dataDirectory: at("data/homeserver.pgdata") }, log: { file: at("a.example.log.config") } },
    });
    for (const name of ["registration_shared_secret", "macaroon_secret_key", "form_secret"] as const) expect(config[name]).toHaveLength(50);
  });

  test("in Synapse's spelling, with open ports", async () => {
    const args = [
      "-c",
      at("hs.yaml"),
      "--generate-config",
      "--server-name",
      "b.example",
      "--report-stats=yes",
      "--config-directory",
      folder,
      "--open-private-ports",
    ];
    expect((await call(args)).code).toBe(0);
    expect(loadConfig([at("hs.yaml")]).config).toMatchObject({
      report_stats: true,
      listeners: [{ bind_addresses: ["::", "0.0.0.0"], x_forwarded: false }],
    });
  });

  test("never overwrites, but adds what is missing", async () => {
    const path = write("homeserver.yaml", `server_name: a.example\nsigning_key_path: ${at("my.key")}\n`);
    const { code, out, err } = await call(["generate-config", "-c", path, "--config-directory", folder]);
    expect({ code, err }).toEqual({ code: 0, err: `${path} exists and is left as it is. Remove it to make a new one.\n` });
    expect(out).toBe(`Wrote ${at("a.example.log.config")}\nWrote ${at("my.key")}\n`);
    expect(readFileSync(path, "utf8")).toBe(`server_name: a.example\nsigning_key_path: ${at("my.key")}\n`);
  });

  test("--full prints a sample and writes nothing", async () => {
    const { code, out } = await call(["generate-config", "--full", "-H", "a.example", "--config-directory", folder]);
    expect(code).toBe(0);
    expect(out).toContain("## Rate limits ##");
    expect(out).toContain("\n# Life of generated credentials\n#turn_user_lifetime: 1h\n");
    expect(readdirSync(folder)).toEqual([]);
    expect(loadConfig([write("full.yaml", out)]).config.server_name).toBe("a.example");
  });

  test.each([
    [[], "Name the new server with -H, such as -H example.com. The name is part of all user ids and cannot be changed later.\n"],
    [["-H", "a b"], '"a b" is not a server name: wanted a host name such as example.com\n'],
  ])("%j fails", async (args, err) => {
    expect(await call(["generate-config", "--config-directory", folder, ...args])).toEqual({ code: 1, out: "", err });
  });
});

describe("check-config", () => {
  test("a sound one", async () => {
    expect(await call(["check-config", "-c", sound()])).toEqual({
      code: 0,
      out: `The configuration of a.example is valid. The embedded database is in ${join(process.cwd(), "homeserver.pgdata")}.\n`,
      err: "",
    });
  });

  test("warnings do not make it unsound", async () => {
    const { code, err } = await call(["check-config", "-c", sound("presense: {}\n")]);
    expect({ code, err }).toEqual({
      code: 0,
      err: `Warnings about the configuration:\n  ${at("homeserver.yaml")}: presense: unknown key, ignored; did you mean presence?\n`,
    });
  });

  test("templates of the operator's own that cannot be used", async () => {
    const directory = join(write("registration.html", "\n{{ link|sparkle }}"), "..");
    const { code, err } = await call(["check-config", "-c", sound(`templates: {custom_template_directory: ${directory}}\n`)]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^Error in configuration:\n {2}templates\.custom_template_directory: registration\.html cannot be used: .* \(in registration\.html:2\)\n$/,
    );
  });

  test("an unsound one: one block, no stack", async () => {
    expect(await call(["check-config", "-c", sound("bcrypt_rounds: 99\nurl_preview_enabled: true\n")])).toEqual({
      code: 1,
      out: "",
      err:
        `Error in configuration:\n  ${at("homeserver.yaml")}: bcrypt_rounds: found 99, wanted a whole number from 4 to 31\n` +
        "  url_preview_ip_range_blacklist: must be given, because url_preview_enabled is on: without it previews reach your own network\n",
    });
  });
});

describe("generate-keys", () => {
  test.each([[["generate-keys"]], [["--generate-keys"]], [["--generate-missing-configs"]]])("%j", async (args) => {
    const path = write(
      "homeserver.yaml",
      `server_name: a.example\nsigning_key_path: ${at("k")}\nregistration_shared_secret_path: ${at("s")}\nlog_config: ${at("l")}\n`,
    );
    expect(await call([...args, "-c", path])).toEqual({ code: 0, out: "", err: "" });
    expect(["k", "s", "l"].filter((name) => existsSync(at(name)))).toEqual(["k", "s", "l"]);
  });
});

describe("hash-password", () => {
  test("with a password on the command line", async () => {
    const { out } = await call(["hash-password", "-p", "pa\u212Bss", "-r", "4"]);
    expect(out).toMatch(/^\$2b\$04\$/);
    // Ångström becomes a letter with a ring
    expect(await bcrypt.compare("pa\u00C5ss", out.trim())).toBe(true);
  });

  test("with cost and pepper of the configuration, and the password asked for", async () => {
    const { out } = await call(["hash-password", "-c", sound("bcrypt_rounds: 5\npassword_config: {pepper: salt}\n")], ["secret", "secret"]);
    const hash = out.replace("Password: Confirm password: ", "").trim();
    expect(hash).toMatch(/^\$2b\$05\$/);
    expect(await bcrypt.compare("secretsalt", hash)).toBe(true);
  });

  test("with an impossible cost", async () => {
    expect(await call(["hash-password", "-p", "x", "-r", "99"])).toEqual({
      code: 1,
      out: "",
      err: "--rounds must be a number from 4 to 31\n",
    });
  });
});

describe("plan", () => {
  const listener = (port: number, names: string): string =>
    `[{type: http, port: ${port}, bind_addresses: [127.0.0.1], resources: [{names: [${names}]}]}]`;

  test("of a single process", async () => {
    const { code, out } = await call(["plan", "-c", sound(`listeners: ${listener(8008, "client, federation")}\n`)]);
    expect(code).toBe(0);
    expect(out).toMatch(/^process {3}main, alone\nlistens {3}127\.0\.0\.1 port 8008: client/);
  });

  test("of a deployment", async () => {
    const main = sound(
      `listeners: ${listener(8008, "client, replication")}\nredis: {enabled: true}\ninstance_map: {main: {host: h, port: 8008}, w: {host: h, port: 8009}}\nstream_writers: {events: w}\nworker_replication_secret: x\n`,
    );
    const worker = write(
      "w.yaml",
      `worker_app: synapse.app.generic_worker\nworker_name: w\nworker_listeners: ${listener(8009, "client, replication")}\n`,
    );
    const { code, out, err } = await call(["plan", "-c", main, "-w", worker]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^process {3}main\n[\s\S]*\n\nprocess {3}w \(generic_worker\)\n[\s\S]*writes {4}events\n/);
  });

  test("that cannot work", async () => {
    const { code, out, err } = await call(["plan", "-c", sound("redis: {enabled: true}\nstream_writers: {events: nobody}\n")]);
    expect({ code, err }).toEqual({ code: 1, err: "The server would not start like this.\n" });
    expect(out).toContain("Errors:");
  });
});

describe("the command that runs a process", () => {
  test.each([
    [["--role", "pusher"], "A worker needs the configuration of its server: name it with -c.\n"],
    [["-c", "/nowhere.yaml"], "Error in configuration:\n  /nowhere.yaml: cannot be read: no such file or directory\n"],
  ])("%j fails", async (args, err) => {
    expect(await call(args)).toEqual({ code: 1, out: "", err });
  });

  test("a worker does not start before the main process has made the key", async () => {
    const path = write("homeserver.yaml", `server_name: a.example\nsigning_key_path: ${at("k")}\n`);
    const { code, err } = await call(["-c", path, "--role", "pusher"]);
    expect(code).toBe(1);
    expect(err).toContain(`signing_key_path: ${at("k")} does not exist: the main process makes it when it starts for the first time`);
  });

  test("a role that the file contradicts", async () => {
    const { code, err } = await call(["-c", sound("worker_app: synapse.app.generic_worker\n"), "--role", "pusher"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `Error in configuration:\n  ${at("homeserver.yaml")}: worker_app: found synapse.app.generic_worker, wanted pusher, as --role says\n`,
    });
  });

  test("the background needs a pid file", async () => {
    expect(await call(["-c", sound(), "-D"])).toEqual({
      code: 1,
      out: "",
      err: "Error in configuration:\n  pid_file: must be given for a process in the background\n",
    });
  });

  test("a second process in the background is refused", async () => {
    const file = write("pid", `${process.ppid}\n`);
    expect(await call(["-c", sound(`pid_file: ${file}\n`), "-D"])).toEqual({
      code: 1,
      out: "",
      err: `Already running: ${file} names process ${process.ppid}.\n`,
    });
  });

  test("a manhole needs a port", async () => {
    expect(await call(["-c", sound(), "--manhole", "x"])).toEqual({ code: 1, out: "", err: "--manhole wants a port number\n" });
  });
});

test("pid files", () => {
  const file = write("pid", "999999999\n");
  checkPidFile(file);
  checkPidFile(at("missing"));
  writePidFile(file);
  expect(readFileSync(file, "utf8")).toBe(`${process.pid}\n`);
  checkPidFile(file);
  expect(() => writePidFile(at("no/such/folder"))).toThrow(`The pid file ${at("no/such/folder")} cannot be written: ENOENT`);
});

test.each([[["version"]], [["--version"]], [["-V"]]])("%j", async (args) => {
  const { code, out } = await call(args);
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`^synapse-ts ${VERSION.replaceAll(".", "\\.")} \\(follows Synapse [\\d.]+\\)\\n$`));
});

test("help shows the commands", async () => {
  const { code, out } = await call(["--help"]);
  expect(code).toBe(0);
  for (const command of [
    "generate-config",
    "generate-keys",
    "check-config",
    "plan",
    "register-user",
    "hash-password",
    "migrate",
    "version",
  ])
    expect(out).toContain(`\n  ${command}`);
});

test.each([[["--frobnicate"]], [["check-config", "--frobnicate"]]])("%j is a wrong command line", async (args) => {
  const { code, err } = await call(args);
  expect(code).toBe(2);
  expect(err).toContain("error: unknown option '--frobnicate'");
});

describe("container", () => {
  const callIn = async (environment: Record<string, string>, ...args: string[]) => {
    const io = testIo([], environment);
    const code = await main(["container", ...args], io);
    return { code, out: io.written(), err: io.complaints() };
  };

  test("generate makes a configuration out of the environment", async () => {
    const environment = {
      SYNAPSE_SERVER_NAME: "a.example",
      SYNAPSE_REPORT_STATS: "no",
      SYNAPSE_CONFIG_DIR: folder,
      SYNAPSE_DATA_DIR: at("d"),
      SYNAPSE_HTTP_PORT: "8010",
    };
    expect((await callIn(environment, "generate")).code).toBe(0);
    const { config, warnings } = loadConfig([at("homeserver.yaml")]);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      listeners: [{ port: 8010, x_forwarded: true, bind_addresses: ["::", "0.0.0.0"] }],
      media_store_path: at("d/media_store"),
      derived: { log: { root: { handlers: ["console"] } } },
    });
    expect([...config.derived.log.handlers.keys()]).toEqual(["console"]);
  });

  test.each([
    [{}, ["generate"], "The environment variable SYNAPSE_SERVER_NAME must be given.\n"],
    [{ SYNAPSE_SERVER_NAME: "a" }, ["generate"], "The environment variable SYNAPSE_REPORT_STATS must be given.\n"],
    [
      { SYNAPSE_CONFIG_PATH: "/nowhere.yaml" },
      [],
      "There is no configuration at /nowhere.yaml. Mount one there, or make one with the command generate.\n",
    ],
    [
      {},
      ["run", "-c", "/nowhere.yaml"],
      "There is no configuration at /nowhere.yaml. Mount one there, or make one with the command generate.\n",
    ],
    [{}, ["migrate_config"], "migrate_config is gone: make a configuration with the command generate, and edit it.\n"],
  ])("%j %j fails", async (environment, args, err) => {
    expect(await callIn(environment, ...args)).toEqual({ code: 1, out: "", err });
  });
});
