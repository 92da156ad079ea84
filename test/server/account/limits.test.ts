import { isMonthlyActive, markMonthlyActive } from "../../../src/storage/monthlyActive";
import { eventually } from "../../builders/eventually";
import { createAccountServer, PASSWORD, v3, byPassword } from "./harness";
import type { AccountServer } from "./harness";

describe("rate limits", () => {
  let server: AccountServer;
  beforeAll(async () => {
    const slow = (burst_count: number) => ({ per_second: 0.001, burst_count });
    server = await createAccountServer({
      rc_registration: slow(3),
      rc_login: { address: slow(12), account: slow(3), failed_attempts: slow(2) },
    });
  });
  afterAll(() => server.close());

  test("hold back registrations by address, logins by account, and guessing", async () => {
    for (const name of ["a", "b", "c"]) await server.register(name);
    const late = await server.call("POST", v3("/register"), {
      body: { username: "d", password: PASSWORD, auth: { type: "m.login.dummy" } },
    });
    expect([late.status, late.body.errcode]).toEqual([429, "M_LIMIT_EXCEEDED"]);
    const elsewhere = {
      body: { username: "d", password: PASSWORD, auth: { type: "m.login.dummy" } },
      headers: { "x-forwarded-for": "10.0.0.1" },
    };
    expect((await server.call("POST", v3("/register"), elsewhere)).status).toBe(200);

    for (let i = 0; i < 3; i++) await server.login("a");
    expect((await server.call("POST", v3("/login"), { body: byPassword("a") })).status).toBe(429);
    const guess = () => server.call("POST", v3("/login"), { body: byPassword("b", "guess") });
    expect([(await guess()).status, (await guess()).status, (await guess()).status]).toEqual([403, 403, 429]);
    expect((await server.call("POST", v3("/login"), { body: byPassword("B") })).status).toBe(429);
  });
});

describe("monthly active users", () => {
  let server: AccountServer;
  beforeAll(async () => {
    server = await createAccountServer({ limit_usage_by_mau: true, max_mau_value: 2, admin_contact: "mailto:root@test.local" });
  });
  afterAll(() => server.close());

  test("a full server lets in who is active, and nobody else", async () => {
    for (const name of ["a", "b", "c"]) await server.register(name);
    await markMonthlyActive(server.app.db, ["@a:test.local", "@b:test.local"], server.app.clock.now());
    server.advance(11_000);
    const refused = await server.call("POST", v3("/login"), { body: byPassword("c") });
    expect([refused.status, refused.body]).toEqual([
      403,
      {
        errcode: "M_RESOURCE_LIMIT_EXCEEDED",
        error: "Monthly Active User Limit Exceeded",
        limit_type: "monthly_active_user",
        admin_contact: "mailto:root@test.local",
      },
    ]);
    const attempt = await server.call("POST", v3("/register"), {
      body: { username: "d", password: PASSWORD, auth: { type: "m.login.dummy" } },
    });
    expect(attempt.body.errcode).toBe("M_RESOURCE_LIMIT_EXCEEDED");
    await expect(server.login("a")).resolves.toBeDefined();
    server.advance(31 * 86_400_000);
    await server.app.accounts.monthlyActive.reap();
    await expect(server.login("c")).resolves.toBeDefined();
  });

  test("whoever makes a request is counted", async () => {
    const { access_token: token } = await server.login("b");
    await server.call("GET", v3("/account/whoami"), { token });
    await eventually(() => isMonthlyActive(server.app.db, "@b:test.local"));
  });
});

describe("a server that is switched off", () => {
  let server: AccountServer;
  beforeAll(async () => {
    server = await createAccountServer({ hs_disabled: true, hs_disabled_message: "Gone fishing" });
  });
  afterAll(() => server.close());

  test("says so", async () => {
    const answer = await server.call("POST", v3("/register"), {
      body: { username: "d", password: PASSWORD, auth: { type: "m.login.dummy" } },
    });
    expect([answer.status, answer.body.error, answer.body["limit_type"]]).toEqual([403, "Gone fishing", "hs_disabled"]);
  });
});
