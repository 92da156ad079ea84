import { createAccountServer, v3 } from "./harness";
import type { AccountServer, Body } from "./harness";

const MINUTE = 60_000;
let server: AccountServer;

beforeAll(async () => {
  server = await createAccountServer({
    session_lifetime: 60 * MINUTE,
    refreshable_access_token_lifetime: 5 * MINUTE,
    nonrefreshable_access_token_lifetime: 20 * MINUTE,
    refresh_token_lifetime: 30 * MINUTE,
  });
  await server.register("alice");
});
afterAll(() => server.close());

const whoami = (token: string) => server.call("GET", v3("/account/whoami"), { token });
const refresh = (token: string) => server.call("POST", v3("/refresh"), { body: { refresh_token: token } });
const start = () => server.login("alice", { refresh_token: true });

test("a session is refreshed before and after its access token expires", async () => {
  const session = await start();
  expect(session.expires_in_ms).toBe(5 * MINUTE);
  server.advance(6 * MINUTE);
  const expired = await whoami(session.access_token);
  expect([expired.status, expired.body.errcode, expired.body.soft_logout]).toEqual([401, "M_UNKNOWN_TOKEN", true]);
  const { status, body } = await refresh(session.refresh_token);
  expect(status).toBe(200);
  expect((await whoami(body.access_token)).body).toMatchObject({ user_id: "@alice:test.local", device_id: session.device_id });
});

test("the old refresh token works until the new pair is used", async () => {
  const session = await start();
  const lost = (await refresh(session.refresh_token)).body;
  const second = (await refresh(session.refresh_token)).body;
  expect((await whoami(lost.access_token)).status).toBe(401);
  expect((await refresh(lost.refresh_token)).status).toBe(401);
  expect((await whoami(second.access_token)).status).toBe(200);
  const late = await refresh(session.refresh_token);
  expect([late.status, late.body.errcode]).toEqual([401, "M_UNKNOWN_TOKEN"]);
});

test("using the new refresh token revokes the old one", async () => {
  const session = await start();
  const second = (await refresh(session.refresh_token)).body;
  await refresh(second.refresh_token);
  expect((await refresh(session.refresh_token)).status).toBe(401);
});

test("a refresh token expires when it is left alone, and the session in any case", async () => {
  const idle = await start();
  server.advance(31 * MINUTE);
  expect((await refresh(idle.refresh_token)).body.soft_logout).toBe(true);
  let session: Body = await start();
  server.advance(25 * MINUTE);
  session = (await refresh(session.refresh_token)).body;
  server.advance(25 * MINUTE);
  session = (await refresh(session.refresh_token)).body;
  expect(session.expires_in_ms).toBeLessThanOrEqual(10 * MINUTE);
  server.advance(11 * MINUTE);
  expect((await refresh(session.refresh_token)).status).toBe(401);
});

test("tokens that cannot be refreshed have a life of their own", async () => {
  const session = await server.login("alice");
  expect([session.expires_in_ms, session.refresh_token]).toEqual([20 * MINUTE, undefined]);
  server.advance(21 * MINUTE);
  expect((await whoami(session.access_token)).body.soft_logout).toBe(true);
});

test("logging out ends the refresh token too, and garbage is refused", async () => {
  const session = await start();
  await server.call("POST", v3("/logout"), { token: session.access_token });
  expect((await refresh(session.refresh_token)).status).toBe(401);
  expect((await refresh("syr_x_y_z")).body.soft_logout).toBe(false);
});
