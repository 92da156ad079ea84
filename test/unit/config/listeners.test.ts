import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildConfig } from "../../../src/config/load";

const base = { server_name: "a.example", signing_key: `ed25519 1 ${Buffer.alloc(32).toString("base64")}` };
const load = (values: Record<string, unknown>) => buildConfig([{ file: "", values: { ...base, ...values } }]).config;
const derived = (...listeners: object[]) => load({ listeners }).derived.listeners;

const plain = { tls: false, x_forwarded: false, resources: [], additional_resources: {} };

test.each([
  [
    { type: "http", port: 8008 },
    { ...plain, type: "http", port: 8008, bind_addresses: ["::", "0.0.0.0"] },
  ],
  [
    { type: "metrics", port: 9000 },
    { ...plain, type: "metrics", port: 9000, bind_addresses: ["127.0.0.1"] },
  ],
  [
    { type: "manhole", port: 9001 },
    { ...plain, type: "manhole", port: 9001, bind_addresses: ["127.0.0.1"] },
  ],
  [
    { type: "http", port: "8008", bind_addresses: "::1" },
    { ...plain, type: "http", port: 8008, bind_addresses: ["::1"] },
  ],
  [
    { type: "http", port: 1, bind_addresses: [""] },
    { ...plain, type: "http", port: 1, bind_addresses: ["::", "0.0.0.0"] },
  ],
  [
    { type: "http", path: "/run/s" },
    { ...plain, type: "http", path: "/run/s", mode: 0o666, x_forwarded: true, bind_addresses: [] },
  ],
  [
    { type: "http", path: "/run/s", mode: 0o600 },
    { ...plain, type: "http", path: "/run/s", mode: 0o600, x_forwarded: true, bind_addresses: [] },
  ],
  [
    {
      type: "http",
      port: 1,
      tag: "site",
      x_forwarded: true,
      request_id_header: "X-Id",
      resources: [{ names: "client" }, { names: ["federation"], compress: true }],
    },
    {
      ...plain,
      type: "http",
      port: 1,
      tag: "site",
      x_forwarded: true,
      request_id_header: "X-Id",
      bind_addresses: ["::", "0.0.0.0"],
      resources: [
        { names: ["client"], compress: false },
        { names: ["federation"], compress: true },
      ],
    },
  ],
])("%j", (listener, expected) => {
  expect(derived(listener)).toEqual([expected]);
});

test("a worker has listeners of its own", () => {
  const worker = {
    worker_app: "synapse.app.generic_worker",
    worker_name: "w1",
    listeners: [{ type: "http", port: 1 }],
    worker_listeners: [{ type: "http", port: 2 }],
  };
  expect(load(worker).derived).toMatchObject({ role: "generic_worker", instanceName: "w1", listeners: [{ port: 2 }] });
});

test.each([
  [undefined, undefined, "main", "main"],
  ["synapse.app.homeserver", undefined, "main", "main"],
  ["synapse.app.generic_worker", undefined, "generic_worker", "generic_worker"],
  ["synapse.app.media_repository", "media1", "media_repository", "media1"],
  ["pusher", "p", "pusher", "p"],
])("worker_app %p and worker_name %p", (app, name, role, instanceName) => {
  expect(load({ worker_app: app ?? null, worker_name: name ?? null }).derived).toMatchObject({ role, instanceName });
});

test.each([
  [{ port: 1 }, "listeners[0].type: must be given"],
  [{ type: "ftp", port: 1 }, 'listeners[0].type: found "ftp", wanted one of http, metrics, manhole'],
  [{ type: "http", port: 70000 }, "listeners[0].port: found 70000, wanted a whole number from 0 to 65535"],
  [{ type: "http", port: 1, path: "/s" }, "listeners[0].path: give either port or path, not both"],
  [{ type: "http", path: "/s", tls: true }, "listeners[0].tls: a unix socket cannot speak TLS"],
  [
    { type: "http", port: 1, resources: [{ names: ["client", "ftp"] }] },
    "listeners[0].resources[0].names: found ftp, wanted only client, consent, federation, health, keys, media, metrics, openid, replication, static",
  ],
  [{ type: "http", port: 1, tls: true }, "tls_certificate_path: must be given, because a listener has tls: true"],
])("%j is refused", (listener, message) => {
  expect(() => derived(listener)).toThrow(`Error in configuration:\n  ${message}`);
});

describe("TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-tls-"));
  const at = (name: string) => join(folder, name);
  const make = (name: string) => {
    const subject = ["-subj", "/CN=a.example", "-days", "1", "-nodes", "-newkey", "rsa:2048"];
    execFileSync("openssl", ["req", "-x509", ...subject, "-keyout", at(`${name}.key`), "-out", at(`${name}.crt`)], { stdio: "ignore" });
  };
  const tls = (certificate: string, key: string) =>
    load({ listeners: [{ type: "http", port: 1, tls: true }], tls_certificate_path: certificate, tls_private_key_path: key }).derived.tls;

  beforeAll(() => {
    make("one");
    make("two");
  });

  test("certificate and key are read", () => {
    expect(tls(at("one.crt"), at("one.key"))).toEqual({
      certificate: readFileSync(at("one.crt"), "utf8"),
      privateKey: readFileSync(at("one.key"), "utf8"),
    });
  });

  test("they are not needed without a listener that speaks TLS", () => {
    expect(load({ listeners: [{ type: "http", port: 1 }], tls_certificate_path: "/nowhere" }).derived.tls).toBeUndefined();
  });

  test("a file that is not there", () => {
    expect(() => tls(at("three.crt"), at("one.key"))).toThrow(
      `tls_certificate_path: ${at("three.crt")} cannot be read: no such file or directory`,
    );
  });

  test("the key of another certificate", () => {
    expect(() => tls(at("one.crt"), at("two.key"))).toThrow(
      `tls_private_key_path: ${at("two.key")} is not the key of the certificate in ${at("one.crt")}`,
    );
  });

  test("files that are something else", () => {
    expect(() => tls(at("one.key"), at("one.crt"))).toThrow("tls_certificate_path: certificate and key must be in PEM form");
  });
});
