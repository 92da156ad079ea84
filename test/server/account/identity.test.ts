import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyKeyFromBase64 } from "../../../src/rooms/signing";
import { canonicalJson } from "../../../src/lib/canonicalJson";
import type { JsonObject } from "../../../src/lib/json";
import { createWebClient } from "../../../src/remote/webClient";
import { byPassword, createAccountServer, v3 } from "./harness";
import type { AccountServer, Body } from "./harness";

interface Call {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: JsonObject;
}

const calls: Call[] = [];
/** What the identity server answers, by path. */
const answers = new Map<string, { status?: number; body: unknown }>();

function play(request: IncomingMessage, response: ServerResponse): void {
  let text = "";
  request.on("data", (chunk: Buffer) => (text += chunk.toString()));
  request.on("end", () => {
    const path = (request.url ?? "").replace("/_matrix/identity", "");
    calls.push({ path, authorization: request.headers.authorization, body: text ? (JSON.parse(text) as JsonObject) : {} });
    const answer = answers.get(path.split("?")[0] ?? "") ?? { status: 404, body: {} };
    response.writeHead(answer.status ?? 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });
}

let server: AccountServer;
let alice: Body;
let idServer: string;
const directory = mkdtempSync(join(tmpdir(), "identity-"));
const [key, cert] = [join(directory, "key"), join(directory, "crt")];
execFileSync(
  "openssl",
  ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", cert],
  { stdio: "ignore" },
);
const https = createHttps({ key: readFileSync(key), cert: readFileSync(cert) }, play);
const http = createHttp(play);

beforeAll(async () => {
  await Promise.all([https, http].map((s) => new Promise<void>((resolve) => s.listen(0, "127.0.0.1", resolve))));
  idServer = `127.0.0.1:${(https.address() as AddressInfo).port}`;
  server = await createAccountServer({
    use_insecure_ssl_client_just_for_testing_do_not_use: true,
    ip_range_blacklist: [],
    account_threepid_delegates: { msisdn: `http://127.0.0.1:${(http.address() as AddressInfo).port}` },
  });
  alice = await server.register("alice");
});
afterAll(async () => {
  await server.close();
  https.closeAllConnections();
  http.closeAllConnections();
  await Promise.all([https, http].map((s) => new Promise((resolve) => s.close(resolve))));
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  calls.length = 0;
  answers.clear();
});

const post = (path: string, body: object, token = alice.access_token) => server.call("POST", v3(path), { token, body });
const bind = () => post("/account/3pid/bind", { id_server: idServer, id_access_token: "idt", sid: "s", client_secret: "c" });

test("an address is bound, and unbound where it was, by a signed request", async () => {
  answers.set("/v2/3pid/bind", { body: { medium: "email", address: "a@example.com" } });
  answers.set("/v2/3pid/unbind", { body: {} });
  expect((await bind()).body).toEqual({});
  expect(calls[0]).toEqual({
    path: "/v2/3pid/bind",
    authorization: "Bearer idt",
    body: { sid: "s", client_secret: "c", mxid: "@alice:test.local" },
  });
  const gone = await post("/account/3pid/unbind", { medium: "email", address: "a@example.com" });
  expect(gone.body).toEqual({ id_server_unbind_result: "success" });

  const [, signed] = calls;
  const fields = Object.fromEntries(
    [...(signed?.authorization ?? "").matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  expect(fields).toMatchObject({ origin: "test.local", destination: idServer, key: "ed25519:test" });
  const text = canonicalJson({
    method: "POST",
    uri: "/_matrix/identity/v2/3pid/unbind",
    origin: "test.local",
    destination: idServer,
    content: { mxid: "@alice:test.local", threepid: { medium: "email", address: "a@example.com" } },
  });
  expect(verifyKeyFromBase64(server.app.signingKey.publicKey)?.verifies(text, fields["sig"] ?? "")).toBe(true);
  expect((await post("/account/3pid/unbind", { medium: "email", address: "a@example.com" })).body).toEqual({
    id_server_unbind_result: "no-support",
  });
});

test("what the identity server refuses is passed on, and one that knows no unbinding is said to", async () => {
  answers.set("/v2/3pid/bind", { status: 403, body: { errcode: "M_TERMS_NOT_SIGNED", error: "Read first", policies: 1 } });
  const refused = await bind();
  expect([refused.status, refused.body]).toEqual([403, { errcode: "M_TERMS_NOT_SIGNED", error: "Read first", policies: 1 }]);
  const unsupported = await post("/account/3pid/unbind", { medium: "email", address: "x@y.z", id_server: idServer });
  expect(unsupported.body).toEqual({ id_server_unbind_result: "no-support" });
  const absent = await post("/account/3pid/bind", { id_server: "127.0.0.1:1", id_access_token: "t", sid: "s", client_secret: "c" });
  expect(absent.status).toBe(502);
  const nonsense = await post("/account/3pid/bind", { id_server: "evil/../path?", id_access_token: "t", sid: "s", client_secret: "c" });
  expect(nonsense.body.errcode).toBe("M_INVALID_PARAM");
});

test("deactivation unbinds", async () => {
  const bob = await server.register("bob");
  answers.set("/v2/3pid/bind", { body: { medium: "email", address: "b@example.com" } });
  await post("/account/3pid/bind", { id_server: idServer, id_access_token: "idt", sid: "s", client_secret: "c" }, bob.access_token);
  const done = await post("/account/deactivate", { auth: byPassword("bob") }, bob.access_token);
  expect(done.body).toEqual({ id_server_unbind_result: "no-support" });
  expect(calls.at(-1)?.path).toBe("/v2/3pid/unbind");
});

test("a phone number is validated by the delegate and registers an account", async () => {
  answers.set("/api/v1/validate/msisdn/requestToken", { body: { sid: "phone" } });
  answers.set("/api/v1/validate/msisdn/submitToken", { body: { success: true } });
  const asked = await server.call("POST", v3("/register/msisdn/requestToken"), {
    body: { country: "GB", phone_number: "07700 900123", client_secret: "cs", send_attempt: 1 },
  });
  expect(asked.body).toEqual({ sid: "phone", submit_url: expect.stringMatching(/add_threepid\/msisdn\/submit_token$/) });
  expect(calls[0]?.body).toEqual({ country: "GB", phone_number: "07700 900123", client_secret: "cs", send_attempt: 1 });
  const submitted = await server.call("POST", "/_matrix/client/unstable/add_threepid/msisdn/submit_token", {
    body: { sid: "phone", client_secret: "cs", token: "1234" },
  });
  expect(submitted.body).toEqual({ success: true });

  const auth = { type: "m.login.msisdn", threepid_creds: { sid: "phone", client_secret: "cs" } };
  const register = () => server.call("POST", v3("/register"), { body: { username: "caller", password: "p", auth } });
  answers.set("/api/v1/3pid/getValidated3pid", { status: 404, body: { errcode: "M_SESSION_NOT_VALIDATED" } });
  expect((await register()).body.errcode).toBe("M_UNAUTHORIZED");
  answers.set("/api/v1/3pid/getValidated3pid", { body: { medium: "msisdn", address: "447700900123", validated_at: 5 } });
  const done = await register();
  expect(done.body.user_id).toBe("@caller:test.local");
  const list = await server.call("GET", v3("/account/3pid"), { token: done.body.access_token });
  expect(list.body["threepids"]).toEqual([{ medium: "msisdn", address: "447700900123", validated_at: 5, added_at: expect.any(Number) }]);
});

test("addresses that operators block cannot be reached, by number or by name", async () => {
  const blocked = { deny: ["127.0.0.0/8", "::1/128"], allow: [] };
  const web = createWebClient({ userAgent: "t", certificates: "ignore", blocked });
  const port = idServer.split(":")[1] ?? "";
  await expect(web.getJson(`https://127.0.0.1:${port}/`)).rejects.toThrow("may not be reached");
  await expect(web.getJson(`https://localhost:${port}/`)).rejects.toThrow();
  expect(calls).toEqual([]);
  const open = createWebClient({ userAgent: "t", certificates: "ignore", blocked: { ...blocked, allow: ["127.0.0.1"] } });
  answers.set("/", { body: { hello: 1 } });
  await expect(open.getJson(`https://127.0.0.1:${port}/`)).resolves.toEqual({ hello: 1 });
  const strict = createWebClient({ userAgent: "t", certificates: "verify" });
  await expect(strict.getJson(`https://127.0.0.1:${port}/`)).rejects.toThrow();
  await Promise.all([web, open, strict].map((client) => client.close()));
});
