import type { AccountHooks } from "../../../src/handlers/app";
import { deviceListChangesBetween } from "../../../src/storage/deviceListChanges";
import { byPassword, createAccountServer, PASSWORD, v3 } from "./harness";
import type { AccountServer, Body } from "./harness";

let server: AccountServer;
let alice: Body;
const removed: unknown[] = [];

beforeAll(async () => {
  server = await createAccountServer({}, (app) => {
    app.accounts.listeners.devicesDeleted.push((event) => void removed.push(event));
  });
  alice = await server.register("alice");
  await server.register("eve");
});
afterAll(() => server.close());

const device = (id: string) => server.call("GET", v3(`/devices/${id}`), { token: alice.access_token });
const remove = (id: string, auth?: object) =>
  server.call("DELETE", v3(`/devices/${id}`), { token: alice.access_token, ...(auth && { body: { auth } }) });

test("devices are listed, renamed, and unknown ones are not found", async () => {
  await server.login("alice", { device_id: "one", initial_device_display_name: "First" });
  const list = await server.call("GET", v3("/devices"), { token: alice.access_token });
  expect(list.body.devices).toEqual(expect.arrayContaining([expect.objectContaining({ device_id: "one", display_name: "First" })]));
  const rename = (id: string, name: string) =>
    server.call("PUT", v3(`/devices/${id}`), { token: alice.access_token, body: { display_name: name } });
  expect((await rename("one", "Second")).body).toEqual({});
  expect((await device("one")).body["display_name"]).toBe("Second");
  expect((await rename("none", "Second")).status).toBe(404);
  expect((await rename("one", "x".repeat(101))).status).toBe(400);
  expect((await device("none")).status).toBe(404);
});

test("a device is deleted by password, and its token ends", async () => {
  const other = await server.login("alice", { device_id: "two" });
  const open = await remove("two");
  expect(open.status).toBe(401);
  expect(open.body).toMatchObject({ flows: [{ stages: ["m.login.password"] }], params: {} });
  const wrong = await remove("two", byPassword("alice", "cashewnuts"));
  expect(wrong.body).toMatchObject({ errcode: "M_FORBIDDEN", error: expect.any(String), session: expect.any(String), completed: [] });
  expect((await remove("two", byPassword("alice"))).body).toEqual({});
  expect((await device("two")).status).toBe(404);
  expect((await server.call("GET", v3("/account/whoami"), { token: other.access_token })).status).toBe(401);
  expect(removed).toContainEqual({ userId: "@alice:test.local", deviceIds: ["two"] });
});

test("somebody else's password does not count", async () => {
  await server.login("alice", { device_id: "three" });
  expect((await remove("three", byPassword("eve"))).status).toBe(403);
  expect((await device("three")).status).toBe(200);
});

test("a session serves the operation that it was made for", async () => {
  await server.login("alice", { device_id: "four" });
  await server.login("alice", { device_id: "five" });
  const { session } = (await remove("four")).body;
  expect((await remove("five", { ...byPassword("alice"), session })).status).toBe(403);
  expect((await device("five")).status).toBe(200);
  expect((await remove("four", { ...byPassword("alice"), session })).status).toBe(200);
});

test("several devices are deleted at once, with the list from the first request", async () => {
  await Promise.all(["six", "seven"].map((id) => server.login("alice", { device_id: id })));
  const call = (body: object) => server.call("POST", v3("/delete_devices"), { token: alice.access_token, body });
  const { session } = (await call({ devices: ["six", "seven", "unknown"] })).body;
  expect((await call({ auth: { ...byPassword("alice"), session } })).body).toEqual({});
  const list = await server.call("GET", v3("/devices"), { token: alice.access_token });
  expect(list.body.devices.map((d) => d.device_id)).not.toEqual(expect.arrayContaining(["six"]));
});

test("devices that come, change and go are announced", async () => {
  await server.login("alice", { device_id: "nine" });
  await remove("nine", byPassword("alice"));
  const rows = await deviceListChangesBetween(server.app.db, 0, 1_000_000);
  expect(rows.filter(({ row }) => row.deviceId === "nine")).toHaveLength(2);
});

test("whois shows where a user is connected", async () => {
  const { status, body } = await server.call("GET", v3("/admin/whois/@alice:test.local"), {
    token: alice.access_token,
    headers: { "user-agent": "Test/1" },
  });
  expect(status).toBe(200);
  const own = (body.devices as unknown as Record<string, { sessions: { connections: object[] }[] }>)[""];
  expect(own?.sessions[0]?.connections).toEqual([{ ip: "127.0.0.1", last_seen: expect.any(Number), user_agent: expect.any(String) }]);
  expect((await server.call("GET", v3("/admin/whois/@eve:test.local"), { token: alice.access_token })).status).toBe(403);
  expect((await device(alice.device_id)).body["last_seen_ip"]).toBe("127.0.0.1");
});

describe("changing the password", () => {
  const change = (token: string | undefined, body: object) =>
    server.call("POST", v3("/account/password"), { body, ...(token !== undefined && { token }) });

  test("logs the other devices out, unless told otherwise", async () => {
    const me = await server.register("carol");
    const other = await server.login("carol");
    const kept = { new_password: "second", logout_devices: false, auth: byPassword("carol") };
    expect((await change(me.access_token, kept)).body).toEqual({});
    expect((await server.call("GET", v3("/account/whoami"), { token: other.access_token })).status).toBe(200);
    expect((await change(me.access_token, { new_password: "third", auth: byPassword("carol", "second") })).status).toBe(200);
    expect((await server.call("GET", v3("/account/whoami"), { token: other.access_token })).status).toBe(401);
    expect((await server.call("GET", v3("/account/whoami"), { token: me.access_token })).status).toBe(200);
    await expect(server.login("carol")).rejects.toThrow("403");
    await expect(server.login("carol", { password: "third" })).resolves.toBeDefined();
  });

  test("remembers the new password in the session", async () => {
    const me = await server.register("dave");
    const { session } = (await change(me.access_token, { new_password: "fresh" })).body;
    expect((await change(me.access_token, { auth: { ...byPassword("dave"), session } })).status).toBe(200);
    await expect(server.login("dave", { password: "fresh" })).resolves.toBeDefined();
  });

  test("needs a password, and the right one", async () => {
    expect((await change(alice.access_token, { auth: byPassword("alice") })).body.errcode).toBe("M_MISSING_PARAM");
    expect((await change(alice.access_token, { new_password: "x", auth: byPassword("alice", "no") })).status).toBe(401);
    expect((await change(undefined, { new_password: "x" })).body.flows).toEqual([{ stages: ["m.login.email.identity"] }]);
  });
});

describe("deactivation", () => {
  const told: unknown[] = [];
  const deactivate = (token: string, body: object) => server.call("POST", v3("/account/deactivate"), { token, body });

  beforeAll(() => {
    (server.app.hooks as { userDeactivated: AccountHooks["userDeactivated"] }).userDeactivated = async (userId, options) =>
      void told.push([userId, options]);
  });

  test("needs the password, ends all sessions, and keeps the name forever", async () => {
    const me = await server.register("frank");
    const other = await server.login("frank");
    const wrong = await deactivate(me.access_token, { auth: byPassword("frank", "wrong") });
    expect(wrong.body).toMatchObject({ errcode: "M_FORBIDDEN", flows: expect.anything(), completed: [], params: {} });
    const done = await deactivate(me.access_token, { erase: true, auth: byPassword("frank") });
    expect(done.body).toEqual({ id_server_unbind_result: "success" });
    expect(told).toEqual([["@frank:test.local", { erase: true, requestedBy: "@frank:test.local" }]]);
    for (const { access_token: token } of [me, other]) expect((await server.call("GET", v3("/devices"), { token })).status).toBe(401);
    const login = await server.call("POST", v3("/login"), { body: byPassword("frank") });
    expect([login.status, login.body.errcode]).toEqual([403, "M_USER_DEACTIVATED"]);
    const again = await server.call("POST", v3("/register"), {
      body: { username: "frank", password: PASSWORD, auth: { type: "m.login.dummy" } },
    });
    expect(again.body.errcode).toBe("M_USER_IN_USE");
  });
});
