import { createHmac } from "node:crypto";
import { changeFlags } from "../../../src/handlers/account/flags";
import type { UserFlags } from "../../../src/storage/users";
import { createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer, Answer } from "./harness";

let server: AccountServer;

beforeAll(async () => {
  server = await createAccountServer({
    password_config: {
      enabled: true,
      localdb_enabled: true,
      policy: {
        enabled: true,
        minimum_length: 6,
        require_digit: true,
        require_symbol: true,
        require_lowercase: true,
        require_uppercase: true,
      },
    },
  });
});
afterAll(() => server.close());

const whoami = (token: string) => server.call("GET", v3("/account/whoami"), { token });
const flag = (userId: string, flags: UserFlags): Promise<void> => changeFlags(server.app, userId, flags);

describe("states of an account", () => {
  test("locked: nothing but logging out, and nothing is lost", async () => {
    const { access_token: token } = await server.register("locked");
    await whoami(token);
    await flag("@locked:test.local", { locked: true });
    const refused = await whoami(token);
    expect([refused.status, refused.body.errcode, refused.body.soft_logout]).toEqual([401, "M_USER_LOCKED", true]);
    await flag("@locked:test.local", { locked: false });
    expect((await whoami(token)).status).toBe(200);
    await flag("@locked:test.local", { locked: true });
    expect((await server.call("POST", v3("/logout"), { token })).status).toBe(200);
  });

  test("suspended: may read, and manage sessions", async () => {
    const { access_token: token } = await server.register("suspended");
    await flag("@suspended:test.local", { suspended: true });
    expect((await whoami(token)).status).toBe(200);
    const write = await server.call("POST", v3("/user/@suspended:test.local/openid/request_token"), { token, body: {} });
    expect([write.status, write.body.errcode]).toEqual([403, "M_USER_SUSPENDED"]);
    expect((await server.call("POST", v3("/logout"), { token })).status).toBe(200);
  });

  test("expired, and waiting for approval", async () => {
    const { access_token: token } = await server.register("expired");
    await flag("@expired:test.local", { expiresTs: 1 });
    expect((await whoami(token)).body.errcode).toBe("ORG_MATRIX_EXPIRED_ACCOUNT");
    await flag("@expired:test.local", { expiresTs: null, approved: false });
    expect((await whoami(token)).body.errcode).toBe("ORG.MATRIX.MSC3866_USER_AWAITING_APPROVAL");
    const login = await server.call("POST", v3("/login"), { body: { type: "m.login.password", user: "expired", password: PASSWORD } });
    expect(login.body.errcode).toBe("ORG.MATRIX.MSC3866_USER_AWAITING_APPROVAL");
  });
});

test.each([
  ["aB1!", "M_PASSWORD_TOO_SHORT"],
  ["abcDEF!!", "M_PASSWORD_NO_DIGIT"],
  ["abcDEF11", "M_PASSWORD_NO_SYMBOL"],
  ["ABCDEF1!", "M_PASSWORD_NO_LOWERCASE"],
  ["abcdef1!", "M_PASSWORD_NO_UPPERCASE"],
])("the password %s breaks the policy", async (password, errcode) => {
  const { status, body } = await server.call("POST", v3("/register"), { body: { username: "policy", password } });
  expect([status, body.errcode]).toEqual([400, errcode]);
});

test("the policy is published", async () => {
  const { body } = await server.call("GET", v3("/password_policy"));
  expect(body).toMatchObject({ "m.minimum_length": 6, "m.require_digit": true, "m.require_uppercase": true });
});

describe("registration by shared secret", () => {
  const path = "/_synapse/admin/v1/register";
  const nonce = async () => String((await server.call("GET", path)).body["nonce"]);
  function mac(parts: readonly string[]): string {
    return createHmac("sha1", "test-registration-secret").update(parts.join("\0")).digest("hex");
  }
  async function register(username: string, extra: Record<string, unknown> = {}, given?: string): Promise<Answer> {
    const fresh = given ?? (await nonce());
    const type = typeof extra["user_type"] === "string" ? [extra["user_type"]] : [];
    const body = {
      nonce: fresh,
      username,
      password: PASSWORD,
      mac: mac([fresh, username, PASSWORD, extra["admin"] ? "admin" : "notadmin", ...type]),
      ...extra,
    };
    return server.call("POST", path, { body });
  }

  test("makes users and administrators", async () => {
    expect((await register("SecretA")).body.user_id).toBe("@secreta:test.local");
    const admin = await register("root", { admin: true, displayname: "The Root" });
    const whois = await server.call("GET", v3("/admin/whois/@secreta:test.local"), { token: admin.body.access_token });
    expect(whois.status).toBe(200);
    expect((await register("tool", { user_type: "bot" })).status).toBe(200);
    const rows = await server.app
      .db`select p.displayname, u.admin, u.user_type from users u join profiles p using (user_id) where user_id in ('@root:test.local', '@tool:test.local') order by 1`;
    expect(rows).toEqual([
      { displayname: "The Root", admin: true, user_type: null },
      { displayname: "tool", admin: false, user_type: "bot" },
    ]);
  });

  test("refuses wrong macs, used, old and foreign nonces, and bad names", async () => {
    expect((await register("x", { mac: "00" })).status).toBe(403);
    expect((await register("x", { admin: true, mac: mac(["n", "x", PASSWORD, "notadmin"]) })).status).toBe(403);
    const once = await nonce();
    expect((await register("us,er", {}, once)).body.errcode).toBe("M_INVALID_USERNAME");
    expect((await register("user", {}, once)).body.error).toBe("unrecognised nonce");
    const old = await nonce();
    server.advance(61_000);
    expect((await register("user", {}, old)).status).toBe(400);
    expect((await register("user", {}, "00".repeat(32))).status).toBe(400);
    expect((await register("user", { user_type: "alien" })).status).toBe(400);
  });
});
