import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadOptions } from "../../../src/config/load";
import { loadConfig } from "../../../src/config/load";
import { formatProblem } from "../../../src/config/problems";
import { systemRandom } from "../../../src/lib/random";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "synapse-ts-files-"));
});

const at = (name: string): string => join(folder, name);

function write(name: string, text: string): string {
  writeFileSync(at(name), text);
  return at(name);
}

const KEY = `ed25519 a_test ${Buffer.alloc(32).toString("base64").replace("=", "")}\n`;

/** A configuration with all it needs. */
function minimal(more = ""): string {
  write("a.example.signing.key", KEY);
  return write("homeserver.yaml", `server_name: a.example\n${more}`);
}

const load = (paths: string[], options: LoadOptions = {}) => loadConfig(paths, options);

describe("merging", () => {
  test("later files replace whole top-level keys", () => {
    const first = minimal("presence: {enabled: false, include_offline_users_on_sync: true}\nmax_upload_size: 1M\n");
    const second = write("more.yaml", "presence: {enabled: true}\n");
    expect(load([first, second]).config).toMatchObject({
      max_upload_size: 1_048_576,
      presence: { enabled: true, include_offline_users_on_sync: false },
    });
  });

  test("directories stand for their *.yaml in order", () => {
    const first = minimal();
    mkdirSync(at("conf.d"));
    write("conf.d/b.yaml", "max_upload_size: 2M");
    write("conf.d/a.yaml", "max_upload_size: 3M\nadmin_contact: mailto:x");
    write("conf.d/c.yml", "max_upload_size: 4M");
    write("conf.d/README", "not: [yaml");
    const { config, warnings } = load([first, at("conf.d")]);
    expect(config).toMatchObject({ max_upload_size: 2_097_152, admin_contact: "mailto:x" });
    expect(warnings.map(formatProblem)).toEqual([`${at("conf.d/c.yml")}: ignored: only files that end in .yaml are read`]);
  });

  test("a problem names the file which the value comes from", () => {
    const first = minimal("bcrypt_rounds: x\n");
    const second = write("more.yaml", "max_upload_size: x\n");
    expect(() => load([first, second])).toThrow(
      `Error in configuration:\n  ${second}: max_upload_size: found "x", wanted a size such as 10K, 50M, 1G, or a number\n` +
        `  ${first}: bcrypt_rounds: found "x", wanted a whole number from 4 to 31`,
    );
  });

  test("files that cannot be read or understood are named, all of them", () => {
    const broken = write("broken.yaml", "server_name: a\nlisteners:\n  - port: [\n");
    const list = write("list.yaml", "- a\n");
    expect(() => load([at("missing.yaml"), broken, list])).toThrow(
      `Error in configuration:\n  ${at("missing.yaml")}: cannot be read: no such file or directory\n` +
        `  ${broken}, line 4, column 1: not valid YAML: deficient indentation\n` +
        `  ${list}: must hold keys and values at the top level`,
    );
  });

  test("empty files only warn", () => {
    const { warnings } = load([minimal(), write("empty.yaml", "# nothing\n")]);
    expect(warnings.map(formatProblem)).toEqual([`${at("empty.yaml")}: ignored: it is empty`]);
  });

  test("anchors do not tie values together", () => {
    const file = minimal("rc_message: &x {per_second: 5}\nrc_joins: {local: *x, remote: {<<: *x, burst_count: 7}}\n");
    expect(load([file]).config).toMatchObject({
      rc_message: { per_second: 5, burst_count: 10 },
      rc_joins: { local: { per_second: 5, burst_count: 10 }, remote: { per_second: 5, burst_count: 7 } },
    });
  });
});

describe("secrets in files", () => {
  test("are read without surrounding white space", () => {
    const secrets = [
      "registration_shared_secret",
      "macaroon_secret_key",
      "form_secret",
      "worker_replication_secret",
      "turn_shared_secret",
      "recaptcha_private_key",
      "recaptcha_public_key",
    ];
    for (const name of secrets) write(name, ` the ${name}\n`);
    write("redis", "pw\n");
    write("oidc", "cs\n");
    const keys = secrets.map((name) => `${name}_path: ${at(name)}\n`).join("");
    const nested = `redis: {password_path: ${at("redis")}}\noidc_providers: [{idp_id: a, issuer: b, client_id: c, client_secret_path: ${at("oidc")}}]\n`;
    const { config, warnings } = load([minimal(keys + nested)]);
    for (const name of secrets) expect(config).toMatchObject({ [name]: `the ${name}` });
    expect(config).toMatchObject({
      redis: { password: "pw" },
      oidc_providers: [{ client_secret: "cs" }],
      derived: { macaroonSecret: "the macaroon_secret_key" },
    });
    expect(warnings).toEqual([]);
  });

  test("the file may not be missing", () => {
    const file = minimal(`form_secret_path: ${at("nowhere")}\n`);
    expect(() => load([file])).toThrow(`${file}: form_secret_path: ${at("nowhere")} cannot be read: no such file or directory`);
  });

  test("either the secret or its file", () => {
    const file = minimal(`form_secret: a\nform_secret_path: ${write("f", "b")}\n`);
    expect(() => load([file])).toThrow(`${file}: form_secret_path: give either this or form_secret, not both`);
  });

  test("the registration secret is made when its file is missing", () => {
    const file = minimal(`registration_shared_secret_path: ${at("made")}\n`);
    const unmade = load([file]);
    expect(unmade.config.registration_shared_secret).toBeUndefined();
    expect(unmade.warnings.map(formatProblem)).toEqual([
      `${file}: registration_shared_secret_path: ${at("made")} does not exist yet; it is made when the server starts`,
    ]);
    const { config, warnings } = load([file], { createMissing: systemRandom });
    expect(warnings).toEqual([]);
    expect(config.registration_shared_secret).toHaveLength(50);
    expect(readFileSync(at("made"), "utf8")).toBe(`${config.registration_shared_secret}\n`);
    expect(load([file]).config.registration_shared_secret).toBe(config.registration_shared_secret);
  });

  test("can be demanded", () => {
    const file = minimal("form_secret: a\nredis: {password: b}\n");
    expect(() => load([file], { noSecretsInConfig: true })).toThrow(
      `Error in configuration:
  ${file}: redis.password: secrets may not stand in the configuration (--no-secrets-in-config): use password_path
  ${file}: form_secret: secrets may not stand in the configuration (--no-secrets-in-config): use form_secret_path`,
    );
  });
});

describe("signing keys", () => {
  test("are beside the configuration by default", () => {
    const { config } = load([minimal()]);
    expect(config.signing_key_path).toBe(at("a.example.signing.key"));
    expect(config.derived.signingKeys.map(({ keyId }) => keyId)).toEqual(["ed25519:a_test"]);
  });

  test("beside the first file that has one, when a worker's file is elsewhere", () => {
    const first = minimal();
    mkdirSync(at("workers"));
    const worker = write("workers/w.yaml", "worker_app: synapse.app.generic_worker\nworker_name: w\n");
    expect(load([first, worker]).config.signing_key_path).toBe(at("a.example.signing.key"));
  });

  test("are made when missing", () => {
    const file = write("homeserver.yaml", `server_name: a.example\nsigning_key_path: ${at("k")}\n`);
    expect(load([file]).warnings.map(formatProblem)).toEqual([
      `${file}: signing_key_path: ${at("k")} does not exist yet; it is made when the server starts`,
    ]);
    const { config } = load([file], { createMissing: systemRandom });
    expect(readFileSync(at("k"), "utf8")).toMatch(/^ed25519 a_[a-zA-Z]{4} [A-Za-z0-9+/]{43}\n$/);
    expect(statSync(at("k")).mode & 0o777).toBe(0o600);
    expect(load([file]).config.derived.signingKeys[0]?.publicKey).toBe(config.derived.signingKeys[0]?.publicKey);
  });

  test("but not by a worker", () => {
    const file = write("homeserver.yaml", `server_name: a.example\nsigning_key_path: ${at("k")}\nworker_app: pusher\n`);
    expect(load([file], { createMissing: systemRandom }).config.derived.signingKeys).toEqual([]);
    expect(existsSync(at("k"))).toBe(false);
  });

  test("and not while anything is wrong", () => {
    const file = write("homeserver.yaml", `server_name: a.example\nsigning_key_path: ${at("k")}\nbcrypt_rounds: 0\n`);
    expect(() => load([file], { createMissing: systemRandom })).toThrow("bcrypt_rounds");
    expect(existsSync(at("k"))).toBe(false);
  });

  test("secrets that are not given follow from them", () => {
    const one = load([minimal()]).config.derived;
    expect(one.macaroonSecret).toMatch(/^[0-9a-f]{64}$/);
    expect(one.formSecret).not.toBe(one.macaroonSecret);
    expect(load([minimal()]).config.derived.formSecret).toBe(one.formSecret);
  });
});

describe("log configuration", () => {
  test("lines go to standard error without one", () => {
    expect(load([minimal()]).config.derived.log).toMatchObject({ file: undefined, root: { level: "info", handlers: ["console"] } });
  });

  test("is made when missing", () => {
    const file = minimal(`log_config: ${at("log.yaml")}\n`);
    const { config } = load([file], { createMissing: systemRandom });
    expect(config.derived.log).toMatchObject({ file: at("log.yaml"), root: { level: "info", handlers: ["buffer"] } });
    expect(config.derived.log.handlers.get("file")).toMatchObject({ filename: at("homeserver.log") });
  });

  test("a worker has its own", () => {
    const own = write("w.log", "version: 1\nroot: {level: DEBUG}\n");
    const file = minimal(`log_config: ${at("other")}\nworker_app: pusher\nworker_log_config: ${own}\n`);
    expect(load([file]).config.derived.log).toMatchObject({ file: own, root: { level: "debug" } });
  });

  test("its problems are among the others", () => {
    const file = minimal(`log_config: ${write("l", "version: 3")}\nurl_preview_enabled: true\n`);
    expect(() => load([file])).toThrow(/url_preview_ip_range_blacklist[\s\S]*version: found 3, wanted 1/);
  });
});

test("a role on the command line stands in for worker_app, and may not contradict it", () => {
  const file = minimal();
  expect(load([file], { role: "pusher" }).config.derived).toMatchObject({ role: "pusher", instanceName: "pusher" });
  const worker = write("w.yaml", "worker_app: synapse.app.generic_worker\nworker_name: w\n");
  expect(load([file, worker], { role: "generic_worker" }).config.derived.instanceName).toBe("w");
  expect(() => load([file, worker], { role: "pusher" })).toThrow(
    `${worker}: worker_app: found synapse.app.generic_worker, wanted pusher, as --role says`,
  );
});

test("overrides lie over the files", () => {
  expect(load([minimal("enable_search: false\n")], { overrides: { enable_search: true } }).config.enable_search).toBe(true);
});
