import { enc } from "../rooms/harness";
import type { Client } from "../rooms/harness";
import { createAdministered } from "./harness";
import type { Administered } from "./harness";

let a: Administered;
let bob: Client;

beforeAll(async () => {
  a = await createAdministered();
  bob = await a.server.client("bob");
  await a.server.guest();
});
afterAll(() => a.close());

const user = (localpart: string): string => enc(`@${localpart}:test.local`);
const login = (username: string, password: string) =>
  a.server.call("POST", "/login", { type: "m.login.password", identifier: { type: "m.id.user", user: username }, password });
const whoami = (token: string) => a.server.call("GET", "/account/whoami", undefined, token);
const put = (localpart: string, body: unknown) => a.manage("PUT", `/v2/users/${user(localpart)}`, body);
const namesOf = async (query: string, version = "v2"): Promise<string[]> =>
  (await a.manage("GET", `/${version}/users?${query}`)).body.users.map(({ name }: { name: string }) => name.replace(":test.local", ""));

test("only administrators may", async () => {
  for (const [method, path] of [
    ["GET", "/v2/users"],
    ["PUT", `/v2/users/${user("bob")}`],
    ["POST", `/v1/users/${user("bob")}/login`],
    ["GET", `/v2/users/${user("bob")}/devices`],
    ["POST", "/v1/registration_tokens/new"],
  ] as const) {
    expect((await bob.call(method, `/_synapse/admin${path}`, method === "GET" ? undefined : {})).body.errcode).toBe("M_FORBIDDEN");
    expect((await a.server.call(method, `/_synapse/admin${path}`)).body.errcode).toBe("M_MISSING_TOKEN");
  }
});

test("an account is made with all that belongs to it, and changed", async () => {
  const made = await put("carol", {
    password: "secret",
    displayname: "Carol",
    threepids: [{ medium: "email", address: "Carol@Example.com" }],
    external_ids: [{ auth_provider: "oidc-x", external_id: "c1" }],
    user_type: "bot",
  });
  expect(made).toMatchObject({
    status: 201,
    body: {
      name: "@carol:test.local",
      displayname: "Carol",
      user_type: "bot",
      admin: false,
      deactivated: false,
      threepids: [{ medium: "email", address: "carol@example.com" }],
      external_ids: [{ auth_provider: "oidc-x", external_id: "c1" }],
    },
  });
  const { access_token: token } = (await login("carol", "secret")).body;
  expect((await a.manage("GET", "/v1/threepid/email/users/carol%40example.com")).body).toEqual({ user_id: "@carol:test.local" });
  expect((await a.manage("GET", "/v1/auth_providers/oidc-x/users/c1")).body).toEqual({ user_id: "@carol:test.local" });
  expect((await a.manage("GET", "/v1/auth_providers/oidc-x/users/none")).status).toBe(404);

  const changed = await put("carol", {
    displayname: "C.",
    threepids: [],
    user_type: null,
    external_ids: [],
    avatar_url: "mxc://test.local/x",
  });
  expect(changed).toMatchObject({ status: 200, body: { displayname: "C.", threepids: [], external_ids: [], user_type: null } });
  expect(await a.alice.get(`/profile/${user("carol")}`)).toMatchObject({ displayname: "C.", avatar_url: "mxc://test.local/x" });
  await put("carol", { password: "other", logout_devices: false });
  expect((await whoami(token)).status).toBe(200);
  await put("carol", { password: "other" });
  expect((await whoami(token)).status).toBe(401);
  expect((await login("carol", "secret")).status).toBe(403);
  expect((await login("carol", "other")).status).toBe(200);
});

test.each([
  ["bob", { password: 5 }, 400],
  ["bob", { password: "x".repeat(513) }, 400],
  ["bob", { displayname: 5 }, 400],
  ["bob", { user_type: "nonsense" }, 400],
  ["bob", { admin: "yes" }, 400],
  ["bob", { locked: "x" }, 400],
  ["bob", { locked: true, deactivated: true }, 400],
  ["bob", { threepids: [{ medium: "email" }] }, 400],
  ["bob", { threepids: [{ medium: "pigeon", address: "x" }] }, 400],
  ["bob", { external_ids: [{ auth_provider: "x" }] }, 400],
  ["admin", { admin: false }, 400],
  ["Caps", {}, 400],
  ["1234", {}, 400],
])("bad wishes for %s are refused: %j", async (localpart, body, status) => {
  const before = (await a.manage("GET", `/v2/users/${user("bob")}`)).body;
  expect((await put(localpart, body)).status).toBe(status);
  expect((await a.manage("GET", `/v2/users/${user("bob")}`)).body).toEqual(before);
});

test("ids at providers belong to one account, addresses move", async () => {
  await put("dora", {
    external_ids: [{ auth_provider: "p", external_id: "1" }],
    threepids: [{ medium: "msisdn", address: "447700900000" }],
  });
  expect((await put("bob", { external_ids: [{ auth_provider: "p", external_id: "1" }] })).status).toBe(409);
  expect((await a.manage("GET", `/v2/users/${user("dora")}`)).body.external_ids).toHaveLength(1);
  expect((await put("bob", { threepids: [{ medium: "msisdn", address: "447700900000" }] })).body.threepids).toHaveLength(1);
  expect((await a.manage("GET", `/v2/users/${user("dora")}`)).body.threepids).toEqual([]);
});

test("locked, suspended and unlocked again", async () => {
  await put("eve", { password: "secret" });
  const { access_token: token } = (await login("eve", "secret")).body;
  await put("eve", { locked: true });
  expect(await whoami(token)).toMatchObject({ status: 401, body: { errcode: "M_USER_LOCKED", soft_logout: true } });
  expect(await login("eve", "secret")).toMatchObject({ status: 401, body: { errcode: "M_USER_LOCKED" } });
  expect(await namesOf("user_id=eve")).toEqual([]);
  expect(await namesOf("user_id=eve&locked=true")).toEqual(["@eve"]);
  await put("eve", { locked: false });
  expect((await whoami(token)).status).toBe(200);
  expect((await a.manage("PUT", `/v1/suspend/${user("eve")}`, { suspend: true })).body).toEqual({ "user_@eve:test.local_suspended": true });
  const refused = await a.server.call("POST", "/createRoom", {}, token);
  expect(refused).toMatchObject({ status: 403, body: { errcode: "M_USER_SUSPENDED" } });
  expect((await a.manage("PUT", `/v1/suspend/${user("nobody")}`, { suspend: true })).status).toBe(404);
});

test("deactivated, also for erasure, and made usable again", async () => {
  await put("fred", { password: "secret", threepids: [{ medium: "email", address: "fred@example.com" }] });
  expect((await a.manage("POST", `/v1/deactivate/${user("fred")}`, { erase: "x" })).status).toBe(400);
  expect((await a.manage("POST", `/v1/deactivate/${user("fred")}`, { erase: true })).body).toEqual({ id_server_unbind_result: "success" });
  const gone = (await a.manage("GET", `/v2/users/${user("fred")}`)).body;
  expect(gone).toMatchObject({ deactivated: true, erased: true, displayname: null, threepids: [] });
  expect(await namesOf("user_id=fred")).toEqual([]);
  expect(await namesOf("user_id=fred&deactivated=true")).toEqual(["@fred"]);
  expect(await namesOf("user_id=fred&deactivated=false", "v3")).toEqual([]);
  expect((await login("fred", "secret")).status).toBe(403);
  expect((await put("fred", { deactivated: false, password: "again" })).body).toMatchObject({ deactivated: false, erased: false });
  expect((await login("fred", "again")).status).toBe(200);
  expect((await a.manage("POST", `/v1/reset_password/${user("fred")}`, { new_password: "third" })).body).toEqual({});
  expect((await login("fred", "third")).status).toBe(200);
  expect((await a.manage("POST", `/v1/reset_password/${user("nobody")}`, { new_password: "x" })).status).toBe(404);
});

test("lists are filtered, ordered and cut into pages", async () => {
  const all = await namesOf("limit=1000&locked=true&deactivated=true");
  expect(all).toEqual([...all].sort());
  expect(await namesOf("dir=b&limit=1000&locked=true&deactivated=true")).toEqual([...all].reverse());
  const first = (await a.manage("GET", "/v2/users?limit=2&locked=true&deactivated=true")).body;
  expect(first).toMatchObject({ next_token: "2", total: all.length });
  expect(await namesOf(`limit=2&from=${first.next_token}&locked=true&deactivated=true`)).toEqual(all.slice(2, 4));
  expect(await namesOf("admins=true")).toEqual(["@admin"]);
  expect(await namesOf("name=BO")).toEqual(["@bob"]);
  expect((await namesOf("guests=false")).filter((name) => /\d/.test(name))).toEqual([]);
  await put("robot", { user_type: "bot" });
  expect(await namesOf("not_user_type=bot&user_id=robot")).toEqual([]);
  expect((await namesOf("order_by=creation_ts")).at(-1)).toBe("@robot");
  for (const query of ["limit=-1", "from=x", "order_by=nonsense", "dir=x", "guests=x"])
    expect((await a.manage("GET", `/v2/users?${query}`)).body.errcode).toBe("M_INVALID_PARAM");
});

test("an administrator acts as a user, for a while", async () => {
  const { access_token: token } = (await a.manage("POST", `/v1/users/${user("bob")}/login`, {})).body;
  expect((await whoami(token)).body).toEqual({ user_id: bob.userId, is_guest: false });
  const expired = (await a.manage("POST", `/v1/users/${user("bob")}/login`, { valid_until_ms: 1 })).body.access_token;
  expect((await whoami(expired)).status).toBe(401);
  expect((await a.manage("POST", `/v1/users/${user("admin")}/login`, {})).status).toBe(400);
  expect((await a.manage("POST", `/v1/users/${user("nobody")}/login`, {})).status).toBe(404);
});

test("devices of users", async () => {
  const path = `/v2/users/${user("bob")}/devices`;
  expect((await a.manage("POST", path, { device_id: "NEW" })).status).toBe(201);
  expect((await a.manage("PUT", `${path}/NEW`, { display_name: "a lamp" })).body).toEqual({});
  expect((await a.manage("GET", `${path}/NEW`)).body).toMatchObject({ device_id: "NEW", display_name: "a lamp", user_id: bob.userId });
  expect((await a.manage("GET", path)).body.total).toBe(2);
  expect((await a.manage("DELETE", `${path}/NEW`)).body).toEqual({});
  expect((await a.manage("GET", `${path}/NEW`)).status).toBe(404);
  const other = (await login("bob", "sUp3r s3kr1t")).body;
  await a.manage("POST", `/v2/users/${user("bob")}/delete_devices`, { devices: [other.device_id, "none"] });
  expect((await whoami(other.access_token)).status).toBe(401);
  expect((await a.manage("GET", `/v2/users/${user("nobody")}/devices`)).status).toBe(404);
  expect((await a.manage("GET", `/v2/users/${enc("@x:else.where")}/devices`)).status).toBe(400);
});

test("rooms, invitations, account data and pushers of users", async () => {
  const roomId = await bob.createRoom({ invite: [a.alice.userId] });
  await bob.put(`/user/${enc(bob.userId)}/account_data/u.test`, { x: 1 });
  await bob.put(`/user/${enc(bob.userId)}/rooms/${enc(roomId)}/account_data/u.room`, { y: 1 });
  const url = "https://push.example.com/_matrix/push/v1/notify";
  const names = { app_id: "a", pushkey: "k", app_display_name: "A", device_display_name: "D", lang: "en" };
  await bob.post("/pushers/set", { kind: "http", ...names, data: { url } });
  const of = async (what: string, localpart = "bob") => (await a.manage("GET", `/v1/users/${user(localpart)}/${what}`)).body;
  expect(await of("joined_rooms")).toEqual({ joined_rooms: [roomId], total: 1 });
  expect(await of("memberships", "alice")).toEqual({ memberships: { [roomId]: "invite" } });
  expect(await of("sent_invite_count?from_ts=0")).toEqual({ invite_count: 1 });
  expect(await of("sent_invite_count?from_ts=9999999999999")).toEqual({ invite_count: 0 });
  expect(await of("cumulative_joined_room_count?from_ts=0")).toEqual({ cumulative_joined_room_count: 1 });
  expect(await of("accountdata")).toEqual({
    account_data: { global: { "u.test": { x: 1 } }, rooms: { [roomId]: { "u.room": { y: 1 } } } },
  });
  expect((await of("pushers")).pushers).toMatchObject([{ app_id: "a", pushkey: "k", kind: "http", enabled: true }]);
  expect((await of("sent_invite_count")).errcode).toBe("M_MISSING_PARAM");
});

test("a limit of one's own takes the place of the configured one, everywhere at once", async () => {
  const path = `/v1/users/${user("bob")}/override_ratelimit`;
  const roomId = await bob.createRoom();
  expect((await a.manage("GET", path)).body).toEqual({});
  expect((await a.manage("POST", path, { messages_per_second: 1, burst_count: 1 })).body).toEqual({
    messages_per_second: 1,
    burst_count: 1,
  });
  const send = (i: number) => bob.call("PUT", `/rooms/${enc(roomId)}/send/m.room.message/limit${i}`, { body: "x" });
  const statuses = (await Promise.all([1, 2, 3, 4].map(send))).map(({ status }) => status);
  expect(statuses).toContain(429);
  await a.manage("POST", path, {});
  expect((await Promise.all([5, 6, 7, 8].map(send))).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect((await a.manage("DELETE", path)).body).toEqual({});
  expect((await a.manage("GET", path)).body).toEqual({});
  expect((await a.manage("POST", path, { messages_per_second: "x" })).status).toBe(400);
});

test("features are switched on for single users", async () => {
  const path = `/v1/experimental_features/${user("bob")}`;
  const shown = async () => (await bob.get("/pushers")).pushers[0];
  expect(await shown()).not.toHaveProperty(["org.matrix.msc3881.enabled"]);
  expect((await a.manage("PUT", path, { features: { msc3881: true } })).body).toEqual({});
  expect((await a.manage("GET", path)).body.features).toMatchObject({ msc3881: true });
  expect(await shown()).toHaveProperty(["org.matrix.msc3881.enabled"], true);
  expect((await a.manage("PUT", path, { features: { nonsense: true } })).status).toBe(400);
});

test("administrators make others administrators, and no longer", async () => {
  const path = `/v1/users/${user("bob")}/admin`;
  await a.manage("PUT", path, { admin: true });
  expect((await a.manage("GET", path)).body).toEqual({ admin: true });
  expect((await bob.call("GET", "/_synapse/admin/v2/users")).status).toBe(200);
  await a.manage("PUT", path, { admin: false });
  expect((await bob.call("GET", "/_synapse/admin/v2/users")).status).toBe(403);
  expect((await a.manage("PUT", `/v1/users/${user("admin")}/admin`, { admin: false })).status).toBe(400);
});

test("registration tokens", async () => {
  const path = "/v1/registration_tokens";
  const { body: random } = await a.manage("POST", `${path}/new`, {});
  expect(random).toEqual({ token: expect.stringMatching(/^.{16}$/), uses_allowed: null, pending: 0, completed: 0, expiry_time: null });
  expect((await a.manage("POST", `${path}/new`, { token: "abc", uses_allowed: 0 })).body).toMatchObject({ token: "abc", uses_allowed: 0 });
  for (const body of [
    { token: "abc" },
    { token: "no spaces" },
    { token: "" },
    { length: 65 },
    { uses_allowed: -1 },
    { uses_allowed: "x" },
    { length: "x" },
    { token: 5 },
    { uses_allowed: "x" },
    { expiry_time: 1 },
  ])
    expect((await a.manage("POST", `${path}/new`, body)).body.errcode).toBe("M_INVALID_PARAM");
  const list = async (query: string) =>
    (await a.manage("GET", `${path}${query}`)).body.registration_tokens.map((t: { token: string }) => t.token);
  expect(await list("?valid=true")).toEqual([random.token]);
  expect(await list("?valid=false")).toEqual(["abc"]);
  expect((await list("")).sort()).toEqual([random.token, "abc"].sort());
  const most = { uses_allowed: Number.MAX_SAFE_INTEGER, expiry_time: Number.MAX_SAFE_INTEGER };
  expect((await a.manage("PUT", `${path}/abc`, most)).body).toMatchObject(most);
  expect((await a.manage("POST", `${path}/new`, { token: "many", ...most })).body).toMatchObject(most);
  expect((await a.manage("DELETE", `${path}/many`)).body).toEqual({});
  expect((await a.manage("PUT", `${path}/abc`, { uses_allowed: null, expiry_time: null })).body).toMatchObject({ uses_allowed: null });
  expect(await list("?valid=false")).toEqual([]);
  expect((await a.manage("DELETE", `${path}/abc`)).body).toEqual({});
  expect((await a.manage("GET", `${path}/abc`)).status).toBe(404);
});

test("names that are free, as administrators ask for them", async () => {
  expect((await a.manage("GET", "/v1/username_available?username=free")).body).toEqual({ available: true });
  expect((await a.manage("GET", "/v1/username_available?username=bob")).body.errcode).toBe("M_USER_IN_USE");
});

test("new cross-signing keys need no proof while an administrator says so", async () => {
  expect((await a.manage("POST", `/v1/users/${user("bob")}/_allow_cross_signing_replacement_without_uia`, {})).status).toBe(404);
  const key = (id: string) => ({ user_id: bob.userId, usage: ["master"], keys: { [`ed25519:${id}`]: id } });
  const upload = (id: string) => bob.call("POST", "/keys/device_signing/upload", { master_key: key(id) });
  const [one, two] = ["A", "B"].map((letter) => Buffer.alloc(32, letter).toString("base64").replaceAll("=", ""));
  expect((await upload(one ?? "")).status).toBe(200);
  expect((await upload(two ?? "")).status).toBe(401);
  const { body } = await a.manage("POST", `/v1/users/${user("bob")}/_allow_cross_signing_replacement_without_uia`, {});
  expect(body.updatable_without_uia_before_ms).toBeGreaterThan(Date.now());
  expect((await upload(two ?? "")).status).toBe(200);
});
