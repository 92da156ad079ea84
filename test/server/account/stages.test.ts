import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { deleteOldUiaSessions } from "../../../src/storage/uiaSessions";
import { getRegistrationTokens, insertRegistrationToken } from "../../../src/storage/registrationTokens";
import { createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer } from "./harness";

let server: AccountServer;
const verified: string[] = [];

/** Plays the captcha service: the answer "human" is right. */
const captcha = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    verified.push(body);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ success: new URLSearchParams(body).get("response") === "human" }));
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => captcha.listen(0, "127.0.0.1", resolve));
  server = await createAccountServer({
    registration_requires_token: true,
    enable_registration_captcha: true,
    recaptcha_public_key: "public",
    recaptcha_private_key: "private",
    recaptcha_siteverify_api: `http://127.0.0.1:${(captcha.address() as AddressInfo).port}/siteverify`,
    user_consent: {
      template_dir: "/nowhere",
      version: "1.0",
      require_at_registration: true,
      policy_name: "Rules",
      send_server_notice_to_guests: false,
    },
  });
  await Promise.all([
    insertRegistrationToken(server.app.db, { token: "twice", usesAllowed: 2, expiresTs: null }),
    insertRegistrationToken(server.app.db, { token: "expired", usesAllowed: null, expiresTs: 1 }),
    insertRegistrationToken(server.app.db, { token: "open", usesAllowed: null, expiresTs: null }),
  ]);
});
afterAll(async () => {
  await server.close();
  await new Promise((resolve) => captcha.close(resolve));
});

const register = (body: object) => server.call("POST", v3("/register"), { body });
const tokens = async (token: string) => (await getRegistrationTokens(server.app.db, "all", 0)).find((row) => row.token === token);
const TOKEN = "m.login.registration_token";

test("all stages that are demanded come in each flow, with what a client has to know", async () => {
  const { body } = await register({});
  expect(body.flows).toEqual([{ stages: [TOKEN, "m.login.recaptcha", "m.login.terms", "m.login.dummy"] }]);
  expect(body.params).toEqual({
    "m.login.recaptcha": { public_key: "public" },
    "m.login.terms": {
      policies: { privacy_policy: { version: "1.0", en: { name: "Rules", url: expect.stringMatching(/\/_matrix\/consent\?v=1\.0$/) } } },
    },
  });
});

test("stages complete one by one, in any order, and a failed one may be tried again", async () => {
  const { session } = (await register({ username: "step", password: PASSWORD })).body;
  const attempt = (auth: object) => register({ username: "step", password: PASSWORD, auth: { session, ...auth } });
  const robot = await attempt({ type: "m.login.recaptcha", response: "robot" });
  expect(robot.body).toMatchObject({ errcode: "M_UNAUTHORIZED", completed: [], session });
  expect((await attempt({ type: "m.login.recaptcha", response: "human" })).body.completed).toEqual(["m.login.recaptcha"]);
  expect(new URLSearchParams(verified.at(-1)).get("secret")).toBe("private");
  expect((await attempt({ type: TOKEN, token: "expired" })).body.errcode).toBe("M_FORBIDDEN");
  expect((await attempt({ type: TOKEN, token: "open" })).body.completed).toEqual(expect.arrayContaining(["m.login.recaptcha", TOKEN]));
  expect(await tokens("open")).toMatchObject({ pending: 1, completed: 0 });
  expect((await attempt({ type: TOKEN, token: "open" })).status).toBe(401);
  expect((await attempt({ type: "m.login.terms" })).status).toBe(401);
  expect((await attempt({ type: "m.login.dummy" })).body.user_id).toBe("@step:test.local");
  expect(await tokens("open")).toMatchObject({ pending: 0, completed: 1 });
  const user = await server.app.db`select consent_version from users where user_id = '@step:test.local'`;
  expect(user).toEqual([{ consent_version: "1.0" }]);
});

test("a token with a limit is reserved by sessions, and given back by those that end unfinished", async () => {
  const reserve = async () => (await register({ auth: { type: TOKEN, token: "twice" } })).body;
  expect((await reserve()).completed).toEqual([TOKEN]);
  expect((await reserve()).completed).toEqual([TOKEN]);
  expect((await reserve()).errcode).toBe("M_FORBIDDEN");
  const valid = async () =>
    (await server.call("GET", "/_matrix/client/v1/register/m.login.registration_token/validity?token=twice")).body["valid"];
  expect(await valid()).toBe(false);
  await deleteOldUiaSessions(server.app.db, Number.MAX_SAFE_INTEGER);
  expect(await tokens("twice")).toMatchObject({ pending: 0, completed: 0 });
  expect(await valid()).toBe(true);
});

test("stages that the server does not have are refused", async () => {
  for (const type of ["m.login.sso", "org.example.nonsense", "constructor"]) {
    const { status, body } = await register({ auth: { type } });
    expect([status, body.errcode]).toEqual([400, "M_UNRECOGNIZED"]);
  }
});

describe("fallback pages", () => {
  const page = (stage: string, session: string) => server.call("GET", v3(`/auth/${stage}/fallback/web?session=${session}`));
  const submit = (stage: string, form: Record<string, string>) => server.call("POST", v3(`/auth/${stage}/fallback/web`), { form });

  test("complete every stage", async () => {
    const { session } = (await register({ username: "pages", password: PASSWORD })).body;
    expect((await page("m.login.recaptcha", session)).text).toContain('data-sitekey="public"');
    expect((await submit("m.login.recaptcha", { session, "g-recaptcha-response": "robot" })).text).toContain("failed");
    expect((await submit("m.login.recaptcha", { session, "g-recaptcha-response": "human" })).text).toContain("onAuthDone");
    expect((await page("m.login.terms", session)).text).toContain("Rules");
    expect((await submit("m.login.terms", { session })).text).toContain("onAuthDone");
    expect((await page(TOKEN, session)).text).toContain('name="token"');
    expect((await submit(TOKEN, { session, token: "wrong" })).text).toContain("Invalid registration token");
    expect((await submit(TOKEN, { session, token: "open" })).text).toContain("onAuthDone");
    const done = await register({ auth: { session, type: "m.login.dummy" } });
    expect(done.body.user_id).toBe("@pages:test.local");
  });

  test("belong to a session, and do not repeat what it is called unescaped", async () => {
    expect((await page("m.login.terms", "unknown")).status).toBe(400);
    expect((await page("m.login.dummy", (await register({})).body.session)).status).toBe(404);
    expect((await page("m.login.sso", (await register({})).body.session)).status).toBe(404);
    const evil = await page("m.login.terms", encodeURIComponent('"><script>'));
    expect(evil.text).not.toContain("<script>");
  });
});

test("the captcha may be completed where no flow asks for it", async () => {
  const { status, body } = await register({ username: "x", password: "y", auth: { type: "m.login.recaptcha", response: "human" } });
  expect([status, body.completed]).toEqual([401, ["m.login.recaptcha"]]);
});
