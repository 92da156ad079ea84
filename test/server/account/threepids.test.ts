import { byPassword, createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer, Answer } from "./harness";
import { createSmtpSink } from "./smtpSink";
import type { SmtpSink } from "./smtpSink";

let server: AccountServer;
let smtp: SmtpSink;

beforeAll(async () => {
  smtp = await createSmtpSink();
  server = await createAccountServer({
    email: { smtp_host: "127.0.0.1", smtp_port: smtp.port, notif_from: "%(app)s <noreply@test.local>", enable_tls: false },
    allowed_local_3pids: [{ medium: "email", pattern: "^[^@]+@example\\.com$" }],
  } as Parameters<typeof createAccountServer>[0]);
});
afterAll(async () => {
  await server.close();
  await smtp.close();
});

let secrets = 0;
const newSecret = (): string => `secret.${++secrets}`;

const requestToken = (path: string, email: string, secret: string, extra: object = {}): Promise<Answer> =>
  server.call("POST", v3(`${path}/email/requestToken`), { body: { email, client_secret: secret, send_attempt: 1, ...extra } });

/** Follows the link of the next mail, and gives what the browser shows. */
async function follow(): Promise<Answer> {
  const link = new URL(await smtp.nextLink());
  return server.call("GET", link.pathname + link.search);
}

async function validated(path: string, email: string): Promise<{ sid: string; client_secret: string }> {
  const secret = newSecret();
  const { status, text, body } = await requestToken(path, email, secret);
  expect([status, text]).toEqual([200, expect.stringContaining("sid")]);
  expect((await follow()).text).toContain("has now been validated");
  return { sid: String(body["sid"]), client_secret: secret };
}

test("somebody registers with a mail address and can log in by it", async () => {
  const { body } = await server.call("POST", v3("/register"), { body: { username: "mia", password: PASSWORD } });
  expect(body.flows).toEqual([{ stages: ["m.login.dummy"] }, { stages: ["m.login.email.identity"] }]);
  const threepid_creds = await validated("/register", "Mia@Example.com");
  const auth = { type: "m.login.email.identity", session: body.session, threepid_creds };
  const done = await server.call("POST", v3("/register"), { body: { username: "mia", password: PASSWORD, auth } });
  expect(done.body.user_id).toBe("@mia:test.local");
  const list = await server.call("GET", v3("/account/3pid"), { token: done.body.access_token });
  expect(list.body["threepids"]).toEqual([expect.objectContaining({ medium: "email", address: "mia@example.com" })]);
  const login = await server.call("POST", v3("/login"), {
    body: { type: "m.login.password", medium: "email", address: "mia@example.com", password: PASSWORD },
  });
  expect(login.body.user_id).toBe("@mia:test.local");
});

test("an address that was not validated counts for nothing", async () => {
  const secret = newSecret();
  const { body } = await requestToken("/register", "late@example.com", secret);
  await smtp.nextLink();
  const auth = { type: "m.login.email.identity", threepid_creds: { sid: body["sid"], client_secret: secret } };
  const refused = await server.call("POST", v3("/register"), { body: { username: "late", password: PASSWORD, auth } });
  expect([refused.status, refused.body.errcode, refused.body.flows]).toEqual([401, "M_UNAUTHORIZED", undefined]);
});

test("addresses are added and removed, by who proves themselves, and belong to one user", async () => {
  const [ann, ben] = [await server.register("ann"), await server.register("ben")];
  const add = (token: string, body: object) => server.call("POST", v3("/account/3pid/add"), { token, body });
  const creds = await validated("/account/3pid", "ann@example.com");
  expect((await add(ann.access_token, creds)).status).toBe(401);
  expect((await add(ann.access_token, { ...creds, auth: byPassword("ann") })).body).toEqual({});
  expect((await requestToken("/account/3pid", "ANN@example.com", newSecret())).body.errcode).toBe("M_THREEPID_IN_USE");
  expect((await add(ben.access_token, { ...creds, auth: byPassword("ben") })).body.errcode).toBe("M_THREEPID_AUTH_FAILED");

  const old = await validated("/account/3pid", "ben@example.com");
  expect((await server.call("POST", v3("/account/3pid"), { token: ben.access_token, body: { three_pid_creds: old } })).body).toEqual({});
  const removal = { medium: "email", address: "Ben@example.com" };
  const gone = await server.call("POST", v3("/account/3pid/delete"), { token: ben.access_token, body: removal });
  expect(gone.body).toEqual({ id_server_unbind_result: "no-support" });
  expect((await server.call("GET", v3("/account/3pid"), { token: ben.access_token })).body["threepids"]).toEqual([]);
});

test("a forgotten password is reset by mail, after a person pressed the button", async () => {
  await server.register("zoe", {});
  const creds = await validated("/account/3pid", "zoe@example.com");
  const { access_token: token } = await server.login("zoe");
  await server.call("POST", v3("/account/3pid"), { token, body: { three_pid_creds: creds } });

  const secret = newSecret();
  const { body } = await requestToken("/account/password", "zoe@example.com", secret);
  const link = new URL(await smtp.nextLink());
  expect(link.pathname).toBe("/_synapse/client/password_reset/email/submit_token");
  expect((await server.call("GET", link.pathname + link.search)).text).toContain("<form");
  const reset = (auth?: object) => server.call("POST", v3("/account/password"), { body: { new_password: "brand new", auth } });
  const auth = { type: "m.login.email.identity", threepid_creds: { sid: body["sid"], client_secret: secret } };
  expect((await reset(auth)).status).toBe(401);
  const pressed = await server.call("POST", link.pathname, { form: Object.fromEntries(link.searchParams) });
  expect(pressed.text).toContain("return to your client to reset your password");
  expect((await reset(auth)).body).toEqual({});
  await expect(server.login("zoe", { password: "brand new" })).resolves.toBeDefined();
  expect((await server.call("GET", v3("/account/whoami"), { token })).status).toBe(401);
  expect((await reset(auth)).status).toBe(401);
});

test("repeating an attempt sends nothing; a later one sends again in the same session", async () => {
  const secret = newSecret();
  const first = await requestToken("/register", "twice@example.com", secret);
  const count = smtp.mails.length;
  expect((await requestToken("/register", "twice@example.com", secret)).body["sid"]).toBe(first.body["sid"]);
  expect(smtp.mails).toHaveLength(count);
  expect((await requestToken("/register", "twice@example.com", secret, { send_attempt: 2 })).body["sid"]).toBe(first.body["sid"]);
  expect(smtp.mails).toHaveLength(count + 1);
  await smtp.nextLink();
  await smtp.nextLink();
});

test("a link leads on where the client asked for, and is refused when it is made up or too old", async () => {
  const secret = newSecret();
  await requestToken("/register", "next@example.com", secret, { next_link: "https://client.example/done" });
  const link = new URL(await smtp.nextLink());
  const bad = new URL(link);
  bad.searchParams.set("token", "made-up");
  expect((await server.call("GET", bad.pathname + bad.search)).status).toBe(400);
  const done = await server.call("GET", link.pathname + link.search);
  expect([done.status, done.headers.get("location")]).toEqual([302, "https://client.example/done"]);
  server.advance(3_700_000);
  expect((await server.call("GET", link.pathname + link.search)).status).toBe(400);
});

test.each([
  ["another domain", "a@elsewhere.org", {}, "M_THREEPID_DENIED"],
  ["no address", "nonsense", {}, "M_INVALID_PARAM"],
  ["a bad secret", "a@example.com", { client_secret: "a b" }, "M_INVALID_PARAM"],
  ["a dangerous link", "a@example.com", { next_link: "javascript:alert(1)" }, "M_INVALID_PARAM"],
])("%s is refused", async (_, email, extra, errcode) => {
  expect((await requestToken("/register", email, newSecret(), extra)).body.errcode).toBe(errcode);
});

test("an unknown address gets no reset, and phones need a delegate", async () => {
  expect((await requestToken("/account/password", "who@example.com", newSecret())).body.errcode).toBe("M_THREEPID_NOT_FOUND");
  const body = { country: "GB", phone_number: "07700900123", client_secret: "s", send_attempt: 1 };
  expect((await server.call("POST", v3("/register/msisdn/requestToken"), { body })).status).toBe(400);
});
