import { maintainAccounts } from "../../../src/handlers/account/maintenance";
import { createPuppetToken } from "../../../src/handlers/account/sessions";
import { createLoginToken, createOpenIdToken, findOpenIdUser } from "../../../src/handlers/account/shortTokens";
import { accountChangesBetween, deleteOldAccountChanges } from "../../../src/storage/accountChanges";
import { deleteOldThreepidSessions, getThreepidSession, startThreepidSession } from "../../../src/storage/threepidSessions";
import { createAccountServer, v3 } from "./harness";
import type { AccountServer } from "./harness";

const DAY = 86_400_000;
let server: AccountServer;

beforeAll(async () => {
  server = await createAccountServer({
    delete_stale_devices_after: 10 * DAY,
    user_ips_max_age: 5 * DAY,
    refreshable_access_token_lifetime: 60_000,
  });
});
afterAll(() => server.close());

const count = async (what: Promise<object[]>): Promise<number> => (await what).length;

test("what no longer counts is removed, what counts stays", async () => {
  const { app } = server;
  const { db } = app;
  const alice = await server.register("alice", { device_id: "old" });
  await server.call("POST", v3("/register"), { body: {} });
  await createLoginToken(app, alice.user_id, 1);
  const openId = String((await createOpenIdToken(app, alice.user_id))["access_token"]);
  expect(await findOpenIdUser(app, openId)).toBe("@alice:test.local");
  const first = await server.login("alice", { device_id: "refreshing", refresh_token: true });
  const next = await server.call("POST", v3("/refresh"), { body: { refresh_token: first.refresh_token } });
  await server.call("GET", v3("/account/whoami"), { token: next.body.access_token });
  await app.accounts.seen.flush();
  expect(await count(db`select from user_ips`)).toBe(1);

  server.advance(6 * DAY);
  const { access_token: token } = await server.login("alice", { device_id: "new" });
  await server.call("GET", v3("/account/whoami"), { token });
  await app.accounts.seen.flush();
  await maintainAccounts(app);
  expect(await count(db`select from ui_auth_sessions`)).toBe(0);
  expect(await count(db`select from login_tokens`)).toBe(0);
  expect(await findOpenIdUser(app, openId)).toBeUndefined();
  expect(await db`select device_id from user_ips`).toEqual([{ device_id: "new" }]);
  // Of the refreshed session the last token stays, so that its holder is told to refresh.
  expect(await count(db`select from access_tokens where device_id = 'refreshing'`)).toBe(1);
  expect(await count(db`select from devices`)).toBe(3);

  server.advance(5 * DAY);
  await maintainAccounts(app);
  expect(await db`select device_id from devices order by 1`).toEqual([{ device_id: "new" }]);
  const stale = await server.call("GET", v3("/account/whoami"), { token: alice.access_token });
  expect([stale.status, stale.body.soft_logout]).toEqual([401, false]);
});

test("the stream of account changes is cut at the end that nobody reads", async () => {
  const { db } = server.app;
  await server.register("bob");
  for (let i = 0; i < 3; i++) await server.login("bob", { device_id: "same" });
  const before = await accountChangesBetween(db, 0, 1_000_000);
  expect(before.length).toBeGreaterThan(1);
  await deleteOldAccountChanges(db, 1);
  expect((await accountChangesBetween(db, 0, 1_000_000)).map(({ id }) => id)).toEqual([before.at(-1)?.id]);
});

test("validation sessions end", async () => {
  const { db } = server.app;
  const token = { hash: Buffer.alloc(32), nextLink: undefined, expiresTs: 2 };
  await startThreepidSession(
    db,
    { sessionId: "s", clientSecret: "c", medium: "email", address: "a@b", lastSendAttempt: 1, createdTs: 1 },
    token,
  );
  await deleteOldThreepidSessions(db, 2);
  expect(await getThreepidSession(db, "s")).toBeUndefined();
});

test("an administrator acts as a user without a device and without a trace", async () => {
  const { app } = server;
  const bob = await server.register("puppet");
  const token = await createPuppetToken(app, bob.user_id, "@admin:test.local", undefined);
  const { body } = await server.call("GET", v3("/account/whoami"), { token });
  expect(body).toEqual({ user_id: "@puppet:test.local", is_guest: false });
  await app.accounts.seen.flush();
  expect(await count(app.db`select from user_ips where user_id = '@puppet:test.local'`)).toBe(0);
  expect((await server.call("POST", v3("/logout"), { token })).status).toBe(200);
  expect((await server.call("GET", v3("/account/whoami"), { token })).status).toBe(401);
});
