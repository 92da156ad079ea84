import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAccountServer, v3 } from "./harness";
import type { AccountServer } from "./harness";

let server: AccountServer;
let reply = "";
const asked: string[] = [];
const CLIENT = "https://client.test/?p=http%3A%2F%2Fx#here";

/** Plays the CAS server: every ticket is worth `reply`. */
const cas = createServer((request, response) => {
  asked.push(request.url ?? "");
  response.end(reply);
});
const casUrl = (): string => `http://127.0.0.1:${(cas.address() as AddressInfo).port}/cas`;

function user(name: string, attributes = ""): string {
  return `<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'><cas:authenticationSuccess><cas:user>${name}</cas:user>
    <cas:attributes><cas:member>staff</cas:member><cas:member>all</cas:member>${attributes}</cas:attributes></cas:authenticationSuccess></cas:serviceResponse>`;
}

beforeAll(async () => {
  await new Promise<void>((resolve) => cas.listen(0, "127.0.0.1", resolve));
  server = await createAccountServer({
    public_baseurl: "https://hs.test/",
    cas_config: {
      enabled: true,
      server_url: `${casUrl()}/`,
      displayname_attribute: "name",
      required_attributes: { member: "staff", name: null },
      idp_name: "Work",
    },
    sso: { client_whitelist: ["https://trusted.test/"] },
  });
});
afterAll(async () => {
  await server.close();
  await new Promise((resolve) => cas.close(resolve));
});

const ticket = (query: Record<string, string>) =>
  server.call("GET", `/_matrix/client/r0/login/cas/ticket?${new URLSearchParams({ ticket: "ST-1", ...query }).toString()}`);
const tokenIn = (text: string): string => /loginToken=([^"&#]+)/.exec(text)?.[1] ?? "";

async function signOn(name: string, extra: object = {}) {
  reply = user(name, "<cas:name>Some Body</cas:name>");
  const token = tokenIn((await ticket({ redirectUrl: CLIENT })).text);
  return server.call("POST", v3("/login"), { body: { type: "m.login.token", token, ...extra } });
}

test("the flows name the provider", async () => {
  const { flows } = (await server.call("GET", v3("/login"))).body;
  expect(flows).toEqual(
    expect.arrayContaining([
      { type: "m.login.cas" },
      { type: "m.login.sso", identity_providers: [{ id: "cas", name: "Work" }] },
      { type: "m.login.token" },
    ]),
  );
});

test.each(["/login/sso/redirect", "/login/cas/redirect", "/login/sso/redirect/cas"])("%s leads to the CAS server", async (path) => {
  const { status, headers } = await server.call("GET", `${v3(path)}?redirectUrl=${encodeURIComponent(CLIENT)}`);
  expect(status).toBe(302);
  const url = new URL(headers.get("location") ?? "");
  expect(url.origin + url.pathname).toBe(`${casUrl()}/login`);
  expect(url.searchParams.get("service")).toBe(
    `https://hs.test/_matrix/client/r0/login/cas/ticket?redirectUrl=${encodeURIComponent(CLIENT)}`,
  );
});

test.each([
  ["/login/sso/redirect", 400, "M_MISSING_PARAM"],
  ["/login/sso/redirect/other?redirectUrl=https://client.test", 404, "M_NOT_FOUND"],
  ["/login/sso/redirect?redirectUrl=javascript:alert(1)", 400, "M_INVALID_PARAM"],
  ["/login/cas/ticket?redirectUrl=https://client.test", 400, "M_MISSING_PARAM"],
  ["/login/cas/ticket?ticket=x", 400, "M_MISSING_PARAM"],
])("%s: %i %s", async (path, status, errcode) => {
  expect(await server.call("GET", v3(path))).toMatchObject({ status, body: { errcode } });
});

test("a new user gets an account, by way of a page that asks", async () => {
  reply = user("New_User!", "<cas:name>N &amp; U</cas:name>");
  const { status, text } = await ticket({ redirectUrl: CLIENT });
  expect(status).toBe(200);
  expect(text).toContain("client.test");
  expect(text).toContain('href="https://client.test/?p=http%3A%2F%2Fx&amp;loginToken=');
  const check = new URL(asked.at(-1) ?? "", casUrl());
  expect(check.pathname).toBe("/cas/proxyValidate");
  expect(check.searchParams.get("ticket")).toBe("ST-1");
  expect(check.searchParams.get("service")).toBe(
    `https://hs.test/_matrix/client/r0/login/cas/ticket?redirectUrl=${encodeURIComponent(CLIENT)}`,
  );
  const login = await server.call("POST", v3("/login"), { body: { type: "m.login.token", token: tokenIn(text) } });
  expect(login.body.user_id).toBe("@new_user=21:test.local");
  const rows = await server.app.db`select displayname from profiles where user_id = ${login.body.user_id}`;
  expect(rows).toEqual([{ displayname: "N & U" }]);
  // The token is used up.
  expect((await server.call("POST", v3("/login"), { body: { type: "m.login.token", token: tokenIn(text) } })).status).toBe(403);
  expect((await signOn("New_User!")).body.user_id).toBe("@new_user=21:test.local");
});

test("clients that the operator trusts get the token at once", async () => {
  reply = user("trusting", "<cas:name/>");
  const { status, headers } = await ticket({ redirectUrl: "https://trusted.test/app#x" });
  expect(status).toBe(302);
  expect(headers.get("location")).toMatch(/^https:\/\/trusted\.test\/app\?loginToken=[^#]+#x$/);
});

test("accounts of before belong to their namesakes; guests and numbers to nobody", async () => {
  await server.register("early");
  expect((await signOn("Early")).body.user_id).toBe("@early:test.local");
  expect((await ticket({ redirectUrl: CLIENT })).status).toBe(200);
  reply = user("12", "<cas:name>Twelve</cas:name>");
  expect((await ticket({ redirectUrl: CLIENT })).status).toBe(400);
});

test.each([
  ["lacks an attribute", () => user("lacking"), 403],
  [
    "is none",
    () =>
      "<cas:serviceResponse><cas:authenticationFailure code='INVALID_TICKET'>Ticket &lt;b&gt; not recognized</cas:authenticationFailure></cas:serviceResponse>",
    401,
  ],
  ["is garbled", () => "<html>", 502],
])("a ticket that %s lets nobody in", async (_name, answer, status) => {
  reply = answer();
  const result = await ticket({ redirectUrl: CLIENT });
  expect(result.status).toBe(status);
  expect(tokenIn(result.text)).toBe("");
  expect(result.text).not.toContain("<b>");
});

describe("user-interactive authentication", () => {
  async function start(name: string) {
    const { body } = await signOn(name, { device_id: "DEVICE" });
    const remove = (auth?: object) =>
      server.call("DELETE", v3("/devices/DEVICE"), { token: body.access_token, body: auth ? { auth } : {} });
    const first = await remove();
    expect(first).toMatchObject({ status: 401, body: { flows: [{ stages: ["m.login.sso"] }] } });
    return { remove, session: first.body.session };
  }

  test("signing on once more confirms it", async () => {
    const { remove, session } = await start("confirmer");
    const page = await server.call("GET", v3(`/auth/m.login.sso/fallback/web?session=${session}`));
    expect(page.text).toContain("Work");
    expect(page.text).toContain(
      encodeURIComponent(`https://hs.test/_matrix/client/r0/login/cas/ticket?session=${session}`).replaceAll("'", "&#39;"),
    );
    expect((await ticket({ session })).text).toContain("authDone");
    expect((await remove({ session })).status).toBe(200);
  });

  test("as somebody else, it spoils the session", async () => {
    const { remove, session } = await start("victim");
    reply = user("nobody-known", "<cas:name>x</cas:name>");
    expect((await ticket({ session })).text).toContain("somebody else");
    expect((await remove({ session })).status).toBe(403);
    expect((await ticket({ session: "unknown" })).status).toBe(400);
  });
});
