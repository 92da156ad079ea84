import { readRestriction, setRestriction } from "../../../src/handlers/account/restrict";
import { createAccount } from "../../../src/handlers/account/createAccount";
import { requesterFor } from "../../../src/handlers/requester";
import { turnCredentials } from "../../../src/handlers/turn";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let running: TestApp;
const admin = requesterFor("@admin:test.local", { isAdmin: true });

beforeAll(async () => {
  running = await createTestApp({ turn_uris: ["turn:turn.test"], turn_shared_secret: "secret" });
  const { app } = running;
  await createAccount(app, "@alice:test.local", { kind: "user", passwordHash: undefined });
  await createAccount(app, "@boss:test.local", { kind: "user", passwordHash: undefined, admin: true });
});
afterAll(() => running.close());

test.each(["locked", "suspended"] as const)("an administrator sees and sets that an account is %s", async (restriction) => {
  const { app } = running;
  expect(await readRestriction(app, "@alice:test.local", restriction)).toBe(false);
  await setRestriction(app, admin, "@alice:test.local", restriction, true);
  expect(await readRestriction(app, "@alice:test.local", restriction)).toBe(true);
});

test.each([
  ["@boss:test.local", 403],
  ["@nobody:test.local", 404],
  ["@alice:elsewhere", 400],
])("%s cannot be locked: %d", async (userId, status) => {
  await expect(setRestriction(running.app, admin, userId, "locked", true)).rejects.toMatchObject({ status });
});

test("TURN credentials are made for the user and the time, out of the shared secret", () => {
  const { app } = running;
  const clock = { ...app.clock, now: () => 1_000_000 };
  expect(turnCredentials({ config: app.config, clock }, requesterFor("@alice:test.local"))).toEqual({
    username: `${1000 + app.config.turn_user_lifetime / 1000}:@alice:test.local`,
    password: expect.stringMatching(/^[A-Za-z0-9+/]{27}=$/),
    uris: ["turn:turn.test"],
    ttl: app.config.turn_user_lifetime / 1000,
  });
});
