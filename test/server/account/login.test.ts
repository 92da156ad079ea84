import { createHmac } from "node:crypto";
import { createLoginToken } from "../../../src/handlers/account/shortTokens";
import { addThreepid } from "../../../src/storage/threepids";
import { byPassword, createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer } from "./harness";

let server: AccountServer;
const jwtSecret = "jwt-secret";

beforeAll(async () => {
  server = await createAccountServer({
    public_baseurl: "https://matrix.test.local",
    login_via_existing_session: { enabled: true, require_ui_auth: true, token_timeout: 60_000 },
    jwt_config: { enabled: true, secret: jwtSecret, algorithm: "HS256", issuer: "us" },
  });
  await server.register("alice");
});
afterAll(() => server.close());

const login = (body: object, token?: string) => server.call("POST", v3("/login"), { body, ...(token !== undefined && { token }) });
const whoami = (token: string) => server.call("GET", v3("/account/whoami"), { token });

test("the flows say what is configured", async () => {
  const { body } = await server.call("GET", v3("/login"));
  expect(body.flows).toEqual([
    { type: "org.matrix.login.jwt" },
    { type: "m.login.token", get_login_token: true },
    { type: "m.login.password" },
    { type: "m.login.application_service" },
  ]);
});

test.each(["/_matrix/client/r0", "/_matrix/client/api/v1", "/_matrix/client/unstable"])("%s/login is served too", async (prefix) => {
  expect((await server.call("GET", `${prefix}/login`)).status).toBe(200);
});

test.each([
  ["full id", byPassword("@alice:test.local")],
  ["localpart", byPassword("alice")],
  ["another case", byPassword("ALICE")],
  ["legacy field", { type: "m.login.password", user: "alice", password: PASSWORD }],
])("a password logs in by %s", async (_, body) => {
  const answer = await login({ ...body, device_id: "same" });
  expect(answer.body).toMatchObject({
    user_id: "@alice:test.local",
    device_id: "same",
    home_server: "test.local",
    well_known: { "m.homeserver": { base_url: "https://matrix.test.local/" } },
  });
  expect((await whoami(answer.body.access_token)).body.device_id).toBe("same");
});

test("logging in on a device again ends its old tokens, and keeps its name", async () => {
  const first = await server.login("alice", { device_id: "again", initial_device_display_name: "One" });
  const second = await server.login("alice", { device_id: "again", initial_device_display_name: "Two" });
  expect((await whoami(first.access_token)).body.errcode).toBe("M_UNKNOWN_TOKEN");
  const device = await server.call("GET", v3("/devices/again"), { token: second.access_token });
  expect(device.body["display_name"]).toBe("One");
});

test.each([
  ["wrong password", byPassword("alice", "wrong"), 403, "M_FORBIDDEN"],
  ["unknown user", byPassword("nobody"), 403, "M_FORBIDDEN"],
  ["user of another server", byPassword("@alice:elsewhere"), 403, "M_FORBIDDEN"],
  ["no password", { type: "m.login.password", user: "alice" }, 400, "M_MISSING_PARAM"],
  ["unknown type", { type: "m.login.nonsense" }, 400, "M_UNKNOWN"],
  ["no type", {}, 400, "M_MISSING_PARAM"],
  ["unknown identifier", { type: "m.login.password", password: "x", identifier: { type: "m.id.nonsense" } }, 400, "M_UNKNOWN"],
])("%s is refused", async (_, body, status, errcode) => {
  const answer = await login(body);
  expect([answer.status, answer.body.errcode]).toEqual([status, errcode]);
});

test.each([
  ["legacy fields", { medium: "email", address: "Alice@Example.COM" }],
  ["identifier", { identifier: { type: "m.id.thirdparty", medium: "email", address: "alice@example.com" } }],
])("a mail address logs in by %s", async (_, who) => {
  await addThreepid(server.app.db, {
    medium: "email",
    address: "alice@example.com",
    userId: "@alice:test.local",
    validatedAt: 1,
    addedAt: 1,
  });
  const answer = await login({ type: "m.login.password", password: PASSWORD, ...who });
  expect(answer.body.user_id).toBe("@alice:test.local");
});

test("a phone number logs in, in the notation of its country", async () => {
  await addThreepid(server.app.db, { medium: "msisdn", address: "447700900123", userId: "@alice:test.local", validatedAt: 1, addedAt: 1 });
  const identifier = { type: "m.id.phone", country: "GB", phone: "07700 900-123" };
  expect((await login({ type: "m.login.password", password: PASSWORD, identifier })).body.user_id).toBe("@alice:test.local");
});

describe("login tokens", () => {
  const use = (token: string) => login({ type: "m.login.token", token });

  test("work once, for a while", async () => {
    const token = await createLoginToken(server.app, "@alice:test.local", 60_000);
    expect((await use(token)).body.user_id).toBe("@alice:test.local");
    expect((await use(token)).status).toBe(403);
    const late = await createLoginToken(server.app, "@alice:test.local", -1);
    expect((await use(late)).status).toBe(403);
    expect((await use("syl_garbage")).status).toBe(403);
  });

  test("are had by proving oneself", async () => {
    const { access_token: token } = await server.login("alice");
    const get = (auth?: object) => server.call("POST", "/_matrix/client/v1/login/get_token", { token, body: { auth } });
    expect((await get()).status).toBe(401);
    const { status, body } = await get(byPassword("alice"));
    expect([status, body.expires_in_ms]).toEqual([200, 60_000]);
    expect((await use(String(body["login_token"]))).body.user_id).toBe("@alice:test.local");
    expect((await get(byPassword("alice"))).body.errcode).toBe("M_LIMIT_EXCEEDED");
  });
});

describe("JSON web tokens", () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  function sign(claims: object, { key = jwtSecret, alg = "HS256" } = {}): string {
    const text = `${part({ alg })}.${part({ iss: "us", ...claims })}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  }
  const use = (token: string) => login({ type: "org.matrix.login.jwt", token });

  test("log in, and make the account the first time", async () => {
    const first = await use(sign({ sub: "jay" }));
    expect(first.body.user_id).toBe("@jay:test.local");
    expect((await use(sign({ sub: "jay" }))).body.user_id).toBe("@jay:test.local");
  });

  test.each([
    ["another key", () => sign({ sub: "jay" }, { key: "other" })],
    ["no algorithm", () => `${part({ alg: "none" })}.${part({ sub: "jay", iss: "us" })}.`],
    ["expired", () => sign({ sub: "jay", exp: 1 })],
    ["not yet", () => sign({ sub: "jay", nbf: 99_999_999_999 })],
    ["wrong issuer", () => sign({ sub: "jay", iss: "them" })],
    ["unexpected audience", () => sign({ sub: "jay", aud: "them" })],
    ["no subject", () => sign({})],
    ["garbage", () => "a.b"],
  ])("are refused: %s", async (_, make) => {
    const { status, body } = await use(make());
    expect([status, body.errcode]).toEqual([403, "M_FORBIDDEN"]);
  });
});

test("logout ends one device, logout/all ends them all", async () => {
  await server.register("bob");
  const [one, two, three] = [await server.login("bob"), await server.login("bob"), await server.login("bob")];
  expect((await server.call("POST", v3("/logout"), { token: one.access_token })).body).toEqual({});
  const gone = await whoami(one.access_token);
  expect([gone.status, gone.body.errcode, gone.body.soft_logout]).toEqual([401, "M_UNKNOWN_TOKEN", false]);
  const devices = await server.call("GET", v3("/devices"), { token: two.access_token });
  expect(devices.body.devices.map((d) => d.device_id)).not.toContain(one.device_id);
  expect((await server.call("POST", v3("/logout/all"), { token: two.access_token, body: {} })).status).toBe(200);
  expect((await whoami(two.access_token)).status).toBe(401);
  expect((await whoami(three.access_token)).status).toBe(401);
});

test("tokens are told apart: missing, unknown, garbled", async () => {
  expect((await server.call("POST", v3("/logout"))).body.errcode).toBe("M_MISSING_TOKEN");
  for (const token of ["an/invalid/token", "syt_YQ_aaaaaaaaaaaaaaaaaaaa_000000"]) {
    const { status, body } = await server.call("POST", `${v3("/logout")}?access_token=${encodeURIComponent(token)}`);
    expect([status, body.errcode]).toEqual([401, "M_UNKNOWN_TOKEN"]);
  }
});

test("an OpenID token is for oneself, and tells others who one is", async () => {
  const { access_token: token } = await server.login("alice");
  const ask = (user: string) => server.call("POST", v3(`/user/${encodeURIComponent(user)}/openid/request_token`), { token, body: {} });
  const { body } = await ask("@alice:test.local");
  expect(body).toMatchObject({ token_type: "Bearer", matrix_server_name: "test.local", expires_in: 3600 });
  expect((await ask("@bob:test.local")).status).toBe(403);
  const whose = (query: string) => server.call("GET", `/_matrix/federation/v1/openid/userinfo${query}`);
  expect((await whose(`?access_token=${body.access_token}`)).body).toEqual({ sub: "@alice:test.local" });
  expect((await whose("")).body.errcode).toBe("M_MISSING_TOKEN");
  expect((await whose("?access_token=invalid")).body.errcode).toBe("M_UNKNOWN_TOKEN");
});
