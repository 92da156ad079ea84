import type { JsonValue } from "../../../src/lib/json";
import { createMetrics } from "../../../src/observe/metrics";
import { notificationRoutes } from "../../../src/rest/client/notifications";
import { pusherRoutes } from "../../../src/rest/client/pushers";
import { pushRuleRoutes } from "../../../src/rest/client/pushRules";
import { registerRoutes } from "../../../src/rest/client/register";
import { pushRulesChanged } from "../../../src/handlers/push/rules";
import { removePushers, removePushersOfDevices } from "../../../src/handlers/push/pushers";
import { setReceipt } from "../../../src/handlers/receipts";
import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { sendRoomEvent } from "../../../src/handlers/rooms/messages";
import { createListeners } from "../../../src/server/http/listeners";
import { pusherChangesBetween, pushersOfUsers, saveProgress } from "../../../src/storage/pushers";
import { pushersStream } from "../../../src/streams/pushers";
import { pushRulesStream } from "../../../src/streams/pushRules";
import { createTestApp, quietLog } from "../../builders/app";
import type { TestApp } from "../../builders/app";

interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the server answers
  readonly body: any;
}
interface User {
  readonly userId: string;
  readonly token: string;
}

let server: TestApp;
let listeners: ReturnType<typeof createListeners>;
let [alice, bob]: User[] = [];

async function call(user: User | undefined, method: string, path: string, body?: JsonValue): Promise<Answer> {
  const response = await fetch(`${listeners.addresses()[0]}/_matrix/client/v3${path}`, {
    method,
    headers: user ? { authorization: `Bearer ${user.token}` } : {},
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function register(username: string): Promise<User> {
  const { body } = await call(undefined, "POST", "/register", { username, password: "pass word", auth: { type: "m.login.dummy" } });
  return { userId: body.user_id, token: body.access_token };
}

beforeAll(async () => {
  server = await createTestApp({ enable_registration: true, enable_registration_without_verification: true });
  listeners = createListeners({
    app: server.app,
    listeners: [
      {
        port: 0,
        bind_addresses: ["127.0.0.1"],
        type: "http",
        tls: false,
        x_forwarded: true,
        resources: [{ names: ["client"], compress: false }],
        additional_resources: {},
      },
    ],
    groups: [registerRoutes, pushRuleRoutes, pusherRoutes, notificationRoutes],
    log: quietLog,
    metrics: createMetrics("test.local"),
  });
  await listeners.open();
  [alice, bob] = [await register("alice"), await register("bob")];
});
afterAll(async () => {
  await listeners.close(1_000);
  await server.close();
});

describe("push rules", () => {
  const rules = (path: string) => call(alice, "GET", `/pushrules/${path}`);

  test("the rules as a whole, by kind, and one by one", async () => {
    const all = await rules("");
    expect(Object.keys(all.body.global).sort()).toEqual(["content", "override", "room", "sender", "underride"]);
    expect(all.body.global.override[0].rule_id).toBe(".m.rule.master");
    expect((await rules("global/")).body).toEqual(all.body.global);
    expect((await rules("global/override/")).body).toEqual(all.body.global.override);
    expect((await rules("global/override/.m.rule.master")).body).toEqual(all.body.global.override[0]);
    expect((await rules("global/override/.m.rule.master/enabled")).body).toEqual({ enabled: false });
    expect((await rules("global/content/.m.rule.contains_user_name/pattern")).body).toEqual({ pattern: "alice" });
  });

  test.each([
    ["room", "#spam:example.com", {}],
    ["sender", "@bob:example.com", {}],
    ["content", "my_content_rule", { pattern: "my_pattern" }],
    ["override", "my_override_rule", { conditions: [{ kind: "event_match", key: "content.msgtype", pattern: "m.notice" }] }],
    ["underride", "my_underride_rule", { conditions: [] }],
    ["content", "тест\u0001 %", { pattern: "тест\u0000" }],
  ])("a rule of kind %s comes and goes: %s", async (kind, ruleId, extra) => {
    const path = `global/${kind}/${encodeURIComponent(ruleId)}`;
    const before = server.app.streams.position(pushRulesStream);
    expect(await call(alice, "PUT", `/pushrules/${path}`, { actions: ["notify"], ...extra })).toEqual({ status: 200, body: {} });
    expect((await rules(path)).body).toEqual({ rule_id: ruleId, default: false, enabled: true, actions: ["notify"], ...extra });
    expect((await rules(`${path}/enabled`)).body).toEqual({ enabled: true });
    expect((await rules(`${path}/actions`)).body).toEqual({ actions: ["notify"] });
    expect((await rules("")).body.global[kind].filter((rule: { rule_id: string }) => rule.rule_id === ruleId)).toHaveLength(1);
    expect(server.app.streams.position(pushRulesStream)).toBe(before + 1);
    expect(await pushRulesChanged(server.app, alice?.userId ?? "", before)).toBe(true);
    expect(await pushRulesChanged(server.app, alice?.userId ?? "", before + 1)).toBe(false);
    // The same again changes nothing.
    await call(alice, "PUT", `/pushrules/${path}`, { actions: ["notify"], ...extra });
    expect(server.app.streams.position(pushRulesStream)).toBe(before + 1);
    expect((await call(alice, "DELETE", `/pushrules/${path}`)).status).toBe(200);
    expect((await rules(path)).status).toBe(404);
    expect(await call(alice, "DELETE", `/pushrules/${path}`)).toMatchObject({ status: 404, body: { errcode: "M_NOT_FOUND" } });
  });

  test("enabled and actions of a default rule", async () => {
    const path = "/pushrules/global/underride/.m.rule.message";
    expect((await call(alice, "PUT", `${path}/actions`, { actions: ["dont_notify"] })).status).toBe(200);
    expect((await call(alice, "GET", `${path}/actions`)).body).toEqual({ actions: ["dont_notify"] });
    expect((await call(alice, "PUT", `${path}/enabled`, { enabled: false })).status).toBe(200);
    expect((await call(alice, "PUT", `${path}/enabled`, true)).status).toBe(200);
    expect((await call(alice, "GET", path)).body).toMatchObject({ enabled: true, default: true, actions: ["dont_notify"] });
  });

  test("places", async () => {
    for (const [ruleId, query] of [
      ["a", ""],
      ["b", ""],
      ["c", "?before=a"],
      ["d", "?after=b"],
    ] as const) {
      expect(
        (await call(bob, "PUT", `/pushrules/global/sender/@${ruleId}:x${query.replace(/=(.)/, "=@$1:x")}`, { actions: [] })).status,
      ).toBe(200);
    }
    const { body } = await call(bob, "GET", "/pushrules/global/sender/");
    expect(body.map((rule: { rule_id: string }) => rule.rule_id)).toEqual(["@b:x", "@d:x", "@c:x", "@a:x"]);
    expect(await call(bob, "PUT", "/pushrules/global/sender/@e:x?after=@z:x", { actions: [] })).toMatchObject({
      status: 400,
      body: { errcode: "M_UNKNOWN", error: "before/after rule not found: @z:x" },
    });
  });

  const room = { actions: ["notify"] };
  test.each<[string, string, JsonValue, number, string]>([
    ["PUT", "", {}, 400, "M_UNRECOGNIZED"],
    ["PUT", "not_a_scope/room/%23spam:example.com", room, 400, "M_UNRECOGNIZED"],
    ["PUT", "global", room, 400, "M_UNRECOGNIZED"],
    ["PUT", "global/room", room, 400, "M_UNRECOGNIZED"],
    ["PUT", "global/room/", room, 400, "M_UNRECOGNIZED"],
    ["PUT", "global/not_a_template/foo", room, 400, "M_UNKNOWN"],
    ["PUT", "global/room/%23fo%5Co:example.com", room, 400, "M_UNKNOWN"],
    ["PUT", "global/room/a%2Fb", room, 400, "M_UNRECOGNIZED"],
    ["PUT", "global/room/.mine", room, 400, "M_UNKNOWN"],
    ["PUT", "global/room/a", "text", 400, "M_BAD_JSON"],
    ["PUT", "global/override/my_id", room, 400, "M_UNKNOWN"],
    ["PUT", "global/underride/my_id", { ...room, conditions: [{}] }, 400, "M_UNKNOWN"],
    ["PUT", "global/content/my_id", room, 400, "M_UNKNOWN"],
    ["PUT", "global/room/a", {}, 400, "M_UNKNOWN"],
    ["PUT", "global/room/a", { actions: ["not_an_action"] }, 400, "M_UNKNOWN"],
    ["PUT", "global/override/.m.rule.master/not_an_attr", { enabled: true }, 400, "M_UNRECOGNIZED"],
    ["PUT", "global/override/.m.rule.master/enabled", { enabled: "no" }, 400, "M_UNKNOWN"],
    ["PUT", "global/override/.not.a.default.rule/enabled", { enabled: true }, 404, "M_NOT_FOUND"],
    ["PUT", "global/override/.not.a.default.rule/actions", room, 404, "M_NOT_FOUND"],
    ["PUT", "global/sender/@nobody:x/actions", room, 404, "M_NOT_FOUND"],
    ["DELETE", "global/override/.m.rule.master", {}, 404, "M_NOT_FOUND"],
  ])("%s %s %j is %i %s", async (method, path, body, status, errcode) => {
    expect(await call(bob, method, `/pushrules/${path}`, body)).toMatchObject({ status, body: { errcode } });
  });

  test.each([
    ["", 404],
    ["/global", 400],
    ["/global/room", 400],
    ["/not_a_scope/", 400],
    ["/global/not_a_template/", 400],
    ["/global/override/.m.rule.master/not_an_attr", 400],
    ["/global/override/.m.rule.master/constructor", 400],
    ["/global/override/not_a_rule_id", 404],
  ])("GET /pushrules%s is %i", async (path, status) => expect((await call(bob, "GET", `/pushrules${path}`)).status).toBe(status));

  test("changes at once all count", async () => {
    const user = await register("busy");
    await Promise.all(Array.from({ length: 10 }, (_, i) => call(user, "PUT", `/pushrules/global/sender/@${i}:x`, { actions: [] })));
    expect((await call(user, "GET", "/pushrules/global/sender/")).body).toHaveLength(10);
  });
});

describe("pushers", () => {
  const pusher = {
    profile_tag: "tag",
    kind: "http",
    app_id: "app",
    app_display_name: "App",
    device_display_name: "Phone",
    pushkey: "key",
    lang: "en",
    data: { url: "https://dummy.url/_matrix/push/v1/notify", format: "event_id_only", custom: "\u0000" },
  };
  const list = async (user: User | undefined) => (await call(user, "GET", "/pushers")).body.pushers;

  test("set, changed, moved to another user, deleted", async () => {
    const start = server.app.streams.position(pushersStream);
    expect(await call(alice, "POST", "/pushers/set", pusher)).toEqual({ status: 200, body: {} });
    await call(alice, "POST", "/pushers/set", { ...pusher, lang: "de" });
    expect(await list(alice)).toEqual([{ ...pusher, lang: "de" }]);
    await call(bob, "POST", "/pushers/set", { ...pusher, append: true });
    expect([await list(alice), await list(bob)].map((found) => found.length)).toEqual([1, 1]);
    await call(bob, "POST", "/pushers/set", pusher);
    expect([await list(alice), await list(bob)].map((found) => found.length)).toEqual([0, 1]);
    await call(bob, "POST", "/pushers/set", { kind: null, app_id: "app", pushkey: "key" });
    expect(await list(bob)).toEqual([]);
    expect((await call(bob, "POST", "/pushers/set", { kind: null, app_id: "app", pushkey: "key" })).status).toBe(200);
    const changes = await pusherChangesBetween(server.app.db, start, server.app.streams.position(pushersStream));
    expect(changes.map(({ row }) => [row.userId, row.deleted])).toEqual([
      [alice?.userId, true],
      [bob?.userId, true],
    ]);
  });

  test("progress is kept, and devices take their pushers along", async () => {
    const key = { userId: alice?.userId ?? "", appId: "app", pushkey: "key" };
    await call(alice, "POST", "/pushers/set", pusher);
    await saveProgress(server.app.db, [{ ...key, lastStreamOrdering: 77, lastSuccessTs: 5, failingSinceTs: null }]);
    const [stored] = await pushersOfUsers(server.app.db, [key.userId]);
    expect(stored).toMatchObject({ lastStreamOrdering: 77, lastSuccessTs: 5, failingSinceTs: null });
    await removePushersOfDevices(server.app, key.userId, ["other"]);
    expect(await list(alice)).toHaveLength(1);
    await removePushersOfDevices(server.app, key.userId, [stored?.deviceId ?? ""]);
    expect(await list(alice)).toHaveLength(0);
    await removePushers(server.app, [key]);
  });

  test.each([
    ["no app", { kind: "http", pushkey: "k" }, "M_MISSING_PARAM"],
    ["no language", { ...pusher, lang: undefined }, "M_MISSING_PARAM"],
    ["no data", { ...pusher, data: undefined }, "M_MISSING_PARAM"],
    ["no url", { ...pusher, data: {} }, "M_MISSING_PARAM"],
    ["another path", { ...pusher, data: { url: "https://x/notify" } }, "M_MISSING_PARAM"],
    ["another scheme", { ...pusher, data: { url: "file:///_matrix/push/v1/notify" } }, "M_MISSING_PARAM"],
    ["no mail here", { ...pusher, kind: "email" }, "M_MISSING_PARAM"],
    ["a long key", { ...pusher, pushkey: "k".repeat(513) }, "M_INVALID_PARAM"],
    ["a long app id", { ...pusher, app_id: "k".repeat(65) }, "M_INVALID_PARAM"],
  ])("refused: %s", async (_, body, errcode) => {
    expect(await call(alice, "POST", "/pushers/set", body as JsonValue)).toMatchObject({ status: 400, body: { errcode } });
  });
});

describe("notifications", () => {
  test("what a user was notified of, in pages, newest first", async () => {
    const [reader, sender] = [await register("reader"), await register("sender")].map(({ userId, token }) => ({
      token,
      ...requesterFor(userId),
    }));
    if (!reader || !sender) throw new Error("not registered");
    const { roomId } = await createRoom(server.app, sender, { preset: "public_chat" });
    await changeMembership(server.app, reader, { roomId, target: reader.userId, action: "join" });
    const say = (body: string, who = sender) =>
      sendRoomEvent(server.app, who, { roomId, type: "m.room.message", content: { msgtype: "m.text", body } });
    const sent = [];
    for (const body of ["one", "reader: two", "three"]) sent.push(await say(body));
    await createRoom(server.app, sender, { invite: [reader.userId] });
    const get = async (query = "") => (await call(reader, "GET", `/notifications${query}`)).body;
    const all = await get();
    expect(all.next_token).toBeUndefined();
    expect(
      all.notifications.map((n: { event: { type: string; content: { body?: string } } }) => n.event.content.body ?? n.event.type),
    ).toEqual(["m.room.member", "three", "reader: two", "one"]);
    expect(all.notifications[1]).toMatchObject({ room_id: roomId, read: false, profile_tag: null, ts: expect.any(Number) });
    expect(all.notifications[1].event.room_id).toBeUndefined();
    expect(all.notifications[2].actions).toEqual(["notify", { set_tweak: "highlight" }, { set_tweak: "sound", value: "default" }]);
    expect((await get("?only=highlight")).notifications).toHaveLength(1);
    const first = await get("?limit=2");
    const second = await get(`?limit=2&from=${first.next_token}`);
    expect([...first.notifications, ...second.notifications].map((n) => n.event.event_id)).toEqual(
      all.notifications.map((n: { event: { event_id: string } }) => n.event.event_id),
    );
    await setReceipt(server.app, reader, { roomId, receiptType: "m.read", eventId: sent[1]?.eventId ?? "" });
    expect((await get()).notifications.map((n: { read: boolean }) => n.read)).toEqual([false, false, true, true]);
    expect((await call(sender, "GET", "/notifications")).body.notifications).toEqual([]);
    expect((await call(reader, "GET", "/notifications?from=nonsense")).status).toBe(400);
  });

  test("rules decide what is listed", async () => {
    const [muted, sender] = [await register("muted"), await register("sender2")].map(({ userId, token }) => ({
      token,
      ...requesterFor(userId),
    }));
    if (!muted || !sender) throw new Error("not registered");
    const { roomId } = await createRoom(server.app, sender, { preset: "public_chat" });
    await changeMembership(server.app, muted, { roomId, target: muted.userId, action: "join" });
    const say = (body: string) =>
      sendRoomEvent(server.app, sender, { roomId, type: "m.room.message", content: { msgtype: "m.text", body } });
    await say("before");
    await call(muted, "PUT", `/pushrules/global/room/${encodeURIComponent(roomId)}`, { actions: [] });
    await say("quiet time");
    await say("muted: psst");
    await call(muted, "DELETE", `/pushrules/global/room/${encodeURIComponent(roomId)}`);
    await say("after");
    const { body } = await call(muted, "GET", "/notifications");
    expect(body.notifications.map((n: { event: { content: { body: string } } }) => n.event.content.body)).toEqual([
      "after",
      "muted: psst",
      "before",
    ]);
  });
});
