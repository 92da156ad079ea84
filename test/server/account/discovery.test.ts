import { createAccountServer, v3 } from "./harness";
import type { AccountServer } from "./harness";

let open: AccountServer;
let closed: AccountServer;

beforeAll(async () => {
  [open, closed] = await Promise.all([
    createAccountServer({
      public_baseurl: "https://matrix.test.local/",
      serve_server_wellknown: true,
      default_identity_server: "https://id.test.local",
      extra_well_known_client_content: { "org.example.setting": 1 },
      admin_contact: "mailto:root@test.local",
    }),
    createAccountServer({
      enable_registration: false,
      allow_guest_access: false,
      enable_3pid_changes: false,
      enable_set_displayname: false,
      password_config: { enabled: false },
    }),
  ]);
});
afterAll(() => Promise.all([open.close(), closed.close()]));

test("well-known files", async () => {
  expect((await open.call("GET", "/.well-known/matrix/client")).body).toEqual({
    "m.homeserver": { base_url: "https://matrix.test.local/" },
    "m.identity_server": { base_url: "https://id.test.local" },
    "org.example.setting": 1,
  });
  expect((await open.call("GET", "/.well-known/matrix/server")).body).toEqual({ "m.server": "test.local:443" });
  expect((await open.call("GET", "/.well-known/matrix/support")).body).toEqual({
    contacts: [{ role: "m.role.admin", email_address: "root@test.local" }],
  });
  for (const name of ["client", "server", "support"]) expect((await closed.call("GET", `/.well-known/matrix/${name}`)).status).toBe(404);
});

test("versions", async () => {
  const { body } = await open.call("GET", "/_matrix/client/versions");
  expect(body["versions"]).toEqual(expect.arrayContaining(["r0.6.1", "v1.1", "v1.11"]));
  expect(body["unstable_features"]).toMatchObject({ "io.element.e2ee_forced.public": false });
});

test("capabilities follow the configuration", async () => {
  const { access_token: token } = await open.register("alice");
  const { body } = await open.call("GET", v3("/capabilities"), { token });
  expect(body["capabilities"]).toMatchObject({
    "m.change_password": { enabled: true },
    "m.room_versions": { default: "12", available: { "1": "stable", "12": "stable" } },
    "m.set_displayname": { enabled: true },
    "m.3pid_changes": { enabled: true },
    "m.get_login_token": { enabled: false },
  });
});

test("what is switched off is refused", async () => {
  expect((await closed.call("POST", v3("/register"), { body: {} })).body.errcode).toBe("M_FORBIDDEN");
  expect((await closed.call("POST", v3("/register?kind=guest"), { body: {} })).body.errcode).toBe("M_GUEST_ACCESS_FORBIDDEN");
  expect((await closed.call("GET", v3("/register/available?username=x"))).status).toBe(403);
  expect((await closed.call("GET", v3("/login"))).body.flows).toEqual([{ type: "m.login.application_service" }]);
  const login = await closed.call("POST", v3("/login"), { body: { type: "m.login.password", user: "a", password: "b" } });
  expect([login.status, login.body.errcode]).toEqual([400, "M_UNKNOWN"]);
  expect(
    (await open.call("POST", "/_matrix/client/v1/login/get_token", { token: (await open.login("alice")).access_token, body: {} })).status,
  ).toBe(404);
});

test("the login page is there", async () => {
  for (const path of ["/_matrix/static/client/login", "/_matrix/static/client/login/"]) {
    const { status, text } = await open.call("GET", `${path}?device_id=X`);
    expect([status, text]).toEqual([200, expect.stringContaining("matrixLogin.onLogin")]);
  }
});
