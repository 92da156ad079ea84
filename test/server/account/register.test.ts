import { createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer, Body } from "./harness";

let server: AccountServer;

beforeAll(async () => {
  server = await createAccountServer();
});
afterAll(() => server.close());

const register = (body: object, query = "") => server.call("POST", v3(`/register${query}`), { body });

test("an empty request is answered by flows and a session", async () => {
  const { status, body } = await register({});
  expect(status).toBe(401);
  expect(body.flows).toEqual([{ stages: ["m.login.dummy"] }]);
  expect(body.session).toMatch(/^\w{24}$/);
  expect(body.errcode).toBeUndefined();
});

test("one request with the dummy stage makes an account that works", async () => {
  const body = await server.register("Simple", { device_id: "xyz", initial_device_display_name: "Mine" });
  expect(body).toMatchObject({ user_id: "@simple:test.local", device_id: "xyz", home_server: "test.local" });
  expect(body.access_token).toMatch(/^syt_c2ltcGxl_[a-zA-Z]{20}_[0-9a-zA-Z]{6}$/);
  const who = await server.call("GET", v3("/account/whoami"), { token: body.access_token });
  expect(who.body).toEqual({ user_id: "@simple:test.local", device_id: "xyz", is_guest: false });
  const device = await server.call("GET", v3("/devices/xyz"), { token: body.access_token });
  expect(device.body).toMatchObject({ device_id: "xyz", display_name: "Mine" });
});

test("a session remembers what was asked for, password included, and repeats its result", async () => {
  const first = await register({ username: "remember", password: PASSWORD, device_id: "dev", initial_device_display_name: "D" });
  expect(first.status).toBe(401);
  const finish = () => register({ auth: { session: first.body.session, type: "m.login.dummy" } });
  const done = await finish();
  expect(done.body).toMatchObject({ user_id: "@remember:test.local", device_id: "dev" });
  const again = await finish();
  expect(again.body.user_id).toBe("@remember:test.local");
  expect(again.body.access_token).not.toBe(done.body.access_token);
  await expect(server.login("remember")).resolves.toMatchObject({ user_id: "@remember:test.local" });
});

test("without a name the account gets a number, once for a session", async () => {
  const first = await register({ password: PASSWORD });
  const auth = { session: first.body.session, type: "m.login.dummy" };
  const [done, again] = [await register({ password: PASSWORD, auth }), await register({ password: PASSWORD, auth })];
  expect(done.body.user_id).toMatch(/^@\d+:test.local$/);
  expect(again.body.user_id).toBe(done.body.user_id);
});

test("inhibit_login makes nobody logged in", async () => {
  const body = await server.register("quiet", { inhibit_login: true });
  expect(body).toEqual({ user_id: "@quiet:test.local", home_server: "test.local" });
});

test("unknown sessions are refused", async () => {
  const { status, body } = await register({ auth: { session: "made-up", type: "m.login.dummy" } });
  expect([status, body.error]).toEqual([400, "Unknown session ID: made-up"]);
});

test.each([..."!\":?\\@[]{|}£é\n'"])("names with %j are refused", async (character) => {
  const { status, body } = await register({ username: `name${character}`, password: PASSWORD, auth: { type: "m.login.dummy" } });
  expect([status, body.errcode]).toEqual([400, "M_INVALID_USERNAME"]);
});

test.each(["q", "3", ".", "_", "=", "-", "/", "+"])("names with %j are fine", async (character) => {
  await expect(server.register(`with${character}`)).resolves.toMatchObject({ user_id: `@with${character}:test.local` });
});

test.each([
  ["_bridge", "M_INVALID_USERNAME"],
  ["12345", "M_INVALID_USERNAME"],
  ["", "M_INVALID_USERNAME"],
  ["x".repeat(250), "M_INVALID_USERNAME"],
])("the name %j is refused before any stage", async (username, errcode) => {
  const { status, body } = await register({ username, password: PASSWORD });
  expect([status, body.errcode]).toEqual([400, errcode]);
});

test("a name that is taken is refused early and late", async () => {
  await server.register("taken");
  for (const body of [{ username: "Taken" }, { username: "taken", password: PASSWORD, auth: { type: "m.login.dummy" } }]) {
    const answer = await register(body);
    expect([answer.status, answer.body.errcode]).toEqual([400, "M_USER_IN_USE"]);
  }
});

test("of eight who want one name at once, one gets it", async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => register({ username: "race", password: PASSWORD, auth: { type: "m.login.dummy" } })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(400)]);
});

test("available tells free names from taken and impossible ones", async () => {
  await server.register("present");
  const ask = (name: string) => server.call("GET", v3(`/register/available?username=${encodeURIComponent(name)}`));
  expect((await ask("absent")).body).toEqual({ available: true });
  expect((await ask("present")).body.errcode).toBe("M_USER_IN_USE");
  expect((await ask("im,possible")).body.errcode).toBe("M_INVALID_USERNAME");
});

test("an account with non-ascii password can log in", async () => {
  await server.register("umlaut", { password: "übers3kr1t" });
  // NFKC: the same letters in another spelling
  await expect(server.login("umlaut", { password: "u\u0308bers3kr1t" })).resolves.toBeDefined();
});

test("a missing or an impossible password is refused", async () => {
  const auth = { type: "m.login.dummy" };
  expect((await register({ username: "nopass", auth })).body.errcode).toBe("M_MISSING_PARAM");
  expect((await register({ username: "nopass", password: 7, auth })).body.errcode).toBe("M_BAD_JSON");
  expect((await register({ username: "nopass", password: "x".repeat(513), auth })).status).toBe(400);
});

describe("guests", () => {
  const guest = async (): Promise<Body> => (await register({}, "?kind=guest")).body;

  test("get a number and a token, and are refused where guests have no place", async () => {
    const body = await guest();
    expect(body.user_id).toMatch(/^@\d+:test.local$/);
    const who = await server.call("GET", v3("/account/whoami"), { token: body.access_token });
    expect(who.body.is_guest).toBe(true);
    const refused = await server.call("GET", v3("/account/3pid"), { token: body.access_token });
    expect([refused.status, refused.body.errcode]).toEqual([403, "M_GUEST_ACCESS_FORBIDDEN"]);
  });

  test("become users by their own token only", async () => {
    const [one, other] = [await guest(), await guest()];
    const username = one.user_id.slice(1, one.user_id.indexOf(":"));
    const upgrade = (token: string, auth?: object) => register({ username, password: PASSWORD, guest_access_token: token, auth });
    expect((await upgrade(other.access_token)).status).toBe(403);
    expect((await upgrade(other.access_token, { type: "m.login.dummy" })).status).toBe(403);
    expect((await upgrade(one.access_token)).status).toBe(401);
    const done = await upgrade(one.access_token, { type: "m.login.dummy" });
    expect(done.body.user_id).toBe(one.user_id);
    const who = await server.call("GET", v3("/account/whoami"), { token: done.body.access_token });
    expect(who.body.is_guest).toBe(false);
    expect((await server.call("GET", v3("/account/whoami"), { token: one.access_token })).status).toBe(401);
  });

  test("an unknown kind is refused", async () => {
    expect((await register({}, "?kind=alien")).body.errcode).toBe("M_UNRECOGNIZED");
  });
});
