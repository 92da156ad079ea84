import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer } from "./harness";

let server: AccountServer;
const directory = mkdtempSync(join(tmpdir(), "appservices-"));
const token = "as-token";

beforeAll(async () => {
  const file = join(directory, "bridge.yaml");
  writeFileSync(
    file,
    JSON.stringify({
      id: "bridge",
      url: null,
      as_token: token,
      hs_token: "hs-token",
      sender_localpart: "_bot",
      "io.element.msc4190": true,
      namespaces: {
        users: [
          { exclusive: true, regex: "@_bridge_.*" },
          { exclusive: false, regex: "@shared_.*" },
        ],
        aliases: [],
        rooms: [],
      },
    }),
  );
  server = await createAccountServer({ app_service_config_files: [file] });
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

const register = (username: string, body: object = {}) =>
  server.call("POST", v3("/register"), { token, body: { type: "m.login.application_service", username, ...body } });
const whoami = (query: string) => server.call("GET", v3(`/account/whoami${query}`), { token });
const as = (user: string) => `?user_id=${encodeURIComponent(`@${user}:test.local`)}`;

test("an application service registers users of its namespace, capitals included", async () => {
  expect((await register("_bridge_a", { inhibit_login: true })).body).toEqual({
    user_id: "@_bridge_a:test.local",
    home_server: "test.local",
  });
  expect((await register("_bridge_Mixed")).body.user_id).toBe("@_bridge_Mixed:test.local");
  expect((await register("_bridge_a")).body.errcode).toBe("M_USER_IN_USE");
  expect((await register("someone")).body.errcode).toBe("M_EXCLUSIVE");
  expect((await register("_bridge_a:b")).body.errcode).toBe("M_INVALID_USERNAME");
  const noToken = await server.call("POST", v3("/register"), { body: { type: "m.login.application_service", username: "_bridge_x" } });
  expect(noToken.body.errcode).toBe("M_MISSING_TOKEN");
  const wrong = await server.call("POST", v3("/register"), {
    token: "x",
    body: { type: "m.login.application_service", username: "_bridge_x" },
  });
  expect(wrong.body.errcode).toBe("M_UNKNOWN_TOKEN");
});

test("its namespace is closed to others, where it is exclusive", async () => {
  const attempt = (username: string) =>
    server.call("POST", v3("/register"), { body: { username, password: PASSWORD, auth: { type: "m.login.dummy" } } });
  expect((await attempt("shared_x")).body.user_id).toBe("@shared_x:test.local");
  for (const name of ["_bridge_z", "_bot"]) expect(["M_EXCLUSIVE", "M_INVALID_USERNAME"]).toContain((await attempt(name)).body.errcode);
});

test("it speaks for itself and for users whom it registered", async () => {
  await register("_bridge_b");
  expect((await whoami("")).body.user_id).toBe("@_bot:test.local");
  expect((await whoami(as("_bridge_b"))).body.user_id).toBe("@_bridge_b:test.local");
  for (const user of ["_bridge_unknown", "shared_nobody", "alice"]) {
    const { status, body } = await whoami(as(user));
    expect([status, body.errcode]).toEqual([403, "M_FORBIDDEN"]);
  }
  expect((await whoami("?user_id=@_bridge_b:elsewhere")).status).toBe(403);
});

test("it acts as a device of a user, once there is one", async () => {
  await register("_bridge_c");
  const query = `${as("_bridge_c")}&device_id=D`;
  expect((await whoami(query)).body.errcode).toBe("M_UNKNOWN_DEVICE");
  const made = await server.call("PUT", v3(`/devices/D${as("_bridge_c")}`), { token, body: { display_name: "Bridge" } });
  expect(made.status).toBe(201);
  expect((await whoami(query)).body.device_id).toBe("D");
  expect((await server.call("DELETE", v3(`/devices/D${as("_bridge_c")}`), { token })).status).toBe(200);
  expect((await whoami(query)).body.errcode).toBe("M_UNKNOWN_DEVICE");
});

test("it logs its users in", async () => {
  await register("_bridge_d");
  const login = (user: string, given: string | undefined = token) =>
    server.call("POST", v3("/login"), {
      ...(given && { token: given }),
      body: { type: "m.login.application_service", identifier: { type: "m.id.user", user } },
    });
  const { body } = await login("_bridge_d");
  const who = await server.call("GET", v3("/account/whoami"), { token: body.access_token });
  expect(who.body).toMatchObject({ user_id: "@_bridge_d:test.local", device_id: body.device_id });
  expect((await login("alice")).body.errcode).toBe("M_EXCLUSIVE");
  expect((await login("_bridge_none")).body.errcode).toBe("M_FORBIDDEN");
  expect((await login("_bridge_d", "")).body.errcode).toBe("M_MISSING_TOKEN");
});
