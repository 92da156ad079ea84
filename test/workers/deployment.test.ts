import { timelineOf } from "../builders/client";
import type { Body, TestClient } from "../builders/client";
import { eventually } from "../builders/eventually";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";

interface Room {
  readonly alice: TestClient;
  readonly bob: TestClient;
  readonly roomId: string;
}

const path = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`;

const everything = [
  "events",
  "typing",
  "to_device",
  "account_data",
  "receipts",
  "presence",
  "push_rules",
  "device_lists",
  "thread_subscriptions",
];

/** Two processes, with clients spread over both: everything is written by main, or everything by the worker. */
describe.each([
  ["by main", {}],
  ["by a worker", { stream_writers: Object.fromEntries(everything.map((stream) => [stream, ["worker1"]])) }],
])("written %s", (_, shared) => {
  let deployment: TestDeployment;
  beforeAll(async () => {
    deployment = await startDeployment({ workers: ["worker1"], empty: true, shared: { ...shared, enable_ephemeral_messages: true } });
  });
  afterAll(() => deployment?.close());

  /** Alice is a client of main, Bob one of the worker; both have synced and are in a room. */
  async function room(): Promise<Room> {
    const [alice, bob] = await Promise.all([deployment.user("alice"), deployment.user("bob", "worker1")]);
    await Promise.all([alice.sync(), bob.sync()]);
    const roomId = await alice.createRoom({ preset: "private_chat", invite: [bob.userId], name: "Border" });
    const invite = await bob.until((sync) => sync.rooms?.invite?.[roomId]);
    expect(invite.invite_state.events).toContainEqual(expect.objectContaining({ type: "m.room.name", content: { name: "Border" } }));
    await bob.join(roomId);
    await alice.until((sync) =>
      timelineOf(sync, roomId).find(
        (event) => event.type === "m.room.member" && event.state_key === bob.userId && event.content.membership === "join",
      ),
    );
    await bob.until((sync) => sync.rooms?.join?.[roomId]);
    return { alice, bob, roomId };
  }

  test("messages cross the border both ways, in one order", async () => {
    const { alice, bob, roomId } = await room();
    const sent: string[] = [];
    for (let i = 0; i < 5; i++) {
      sent.push(await alice.say(roomId, `from main ${i}`));
      sent.push(await bob.say(roomId, `from the worker ${i}`));
    }
    for (const reader of [alice, bob, alice.on(deployment.url("worker1")), bob.on(deployment.url("main"))]) {
      const seen: string[] = [];
      await reader.until((sync) => {
        seen.push(...timelineOf(sync, roomId).map((event) => event.event_id));
        return seen.includes(sent.at(-1) ?? "") || undefined;
      });
      expect(seen.filter((id) => sent.includes(id))).toEqual(sent);
    }
  });

  test("who writes at one process reads it at once at the same one", async () => {
    const { bob, roomId } = await room();
    for (let i = 0; i < 20; i++) {
      const eventId = await bob.say(roomId, `${i}`);
      const sync = await bob.sync();
      expect(timelineOf(sync, roomId).map((event) => event.event_id)).toContain(eventId);
    }
  });

  test("a room made at the worker, with its alias, is there at main", async () => {
    const [alice, bob] = await Promise.all([deployment.user("alice"), deployment.user("bob", "worker1")]);
    const alias = `border-${bob.userId.slice(1).split(":")[0]}`;
    const roomId = await bob.createRoom({ preset: "public_chat", room_alias_name: alias });
    await alice.join(`#${alias}:test.local`);
    await alice.sees(roomId, await bob.say(roomId, "welcome"));
  });

  test("receipts, typing and read markers cross the border", async () => {
    const { alice, bob, roomId } = await room();
    const eventId = await alice.say(roomId, "read me");
    await bob.sees(roomId, eventId);
    const ephemeral = (sync: Body, type: string): Body =>
      sync.rooms?.join?.[roomId]?.ephemeral.events.find((event: Body) => event.type === type);

    await bob.ok("POST", path(roomId, `receipt/m.read/${encodeURIComponent(eventId)}`), {});
    const receipt = await alice.until((sync) => ephemeral(sync, "m.receipt"));
    expect(receipt.content[eventId]["m.read"]).toHaveProperty([bob.userId]);

    await bob.ok("PUT", path(roomId, `typing/${encodeURIComponent(bob.userId)}`), { typing: true, timeout: 60_000 });
    const typing = await alice.until((sync) => ephemeral(sync, "m.typing"));
    expect(typing.content.user_ids).toEqual([bob.userId]);
    await alice.ok("PUT", path(roomId, `typing/${encodeURIComponent(alice.userId)}`), { typing: true, timeout: 60_000 });
    const both = await bob.until((sync) => [ephemeral(sync, "m.typing")].find((event) => event?.content.user_ids.length === 2));
    expect(both.content.user_ids.sort()).toEqual([alice.userId, bob.userId].sort());
  });

  test("presence crosses the border", async () => {
    const { alice, bob } = await room();
    await bob.ok("PUT", `/presence/${encodeURIComponent(bob.userId)}/status`, { presence: "online", status_msg: "at the border" });
    const presence = await alice.until((sync) =>
      sync.presence?.events.find((event: Body) => event.sender === bob.userId && event.content.status_msg),
    );
    expect(presence.content).toMatchObject({ presence: "online", status_msg: "at the border" });
  });

  test("messages to devices cross the border, once", async () => {
    const { alice, bob } = await room();
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      const messages = { [to.userId]: { [to.deviceId]: { from: from.userId } } };
      await from.ok("PUT", `/sendToDevice/org.example.test/${from.userId}`, { messages });
      await from.ok("PUT", `/sendToDevice/org.example.test/${from.userId}`, { messages });
      const got = await to.until((sync) => sync.to_device?.events);
      expect(got).toEqual([{ type: "org.example.test", sender: from.userId, content: { from: from.userId } }]);
      expect((await to.sync()).to_device?.events ?? []).toEqual([]);
    }
  });

  test("account data, push rules and filters of one user are the same at both", async () => {
    const { alice, roomId } = await room();
    const elsewhere = alice.on(deployment.url("worker1"));
    await Promise.all([elsewhere.sync(), alice.sync()]);
    const user = `/user/${encodeURIComponent(alice.userId)}`;
    await elsewhere.ok("PUT", `${user}/account_data/org.example.test`, { at: "worker" });
    const global = await alice.until((sync) => sync.account_data?.events.find((event: Body) => event.type === "org.example.test"));
    expect(global.content).toEqual({ at: "worker" });
    await alice.ok("PUT", `${user}/rooms/${encodeURIComponent(roomId)}/tags/m.favourite`, { order: 0.5 });
    const tags = await elsewhere.until((sync) =>
      sync.rooms?.join?.[roomId]?.account_data?.events.find((event: Body) => event.type === "m.tag"),
    );
    expect(tags.content).toEqual({ tags: { "m.favourite": { order: 0.5 } } });
    await elsewhere.ok("PUT", `/pushrules/global/room/${encodeURIComponent(roomId)}`, { actions: [] });
    const rules = await alice.until((sync) => sync.account_data?.events.find((event: Body) => event.type === "m.push_rules"));
    expect(rules.content.global.room).toHaveLength(1);
    const { filter_id: filter } = await elsewhere.ok("POST", `${user}/filter`, { room: { timeline: { limit: 1 } } });
    expect(await alice.ok("GET", `${user}/filter/${filter}`)).toEqual({ room: { timeline: { limit: 1 } } });
  });

  test("a profile changed at the worker shows in rooms at main", async () => {
    const { alice, bob, roomId } = await room();
    await bob.ok("PUT", `/profile/${encodeURIComponent(bob.userId)}/displayname`, { displayname: "Roberta" });
    await alice.until((sync) =>
      timelineOf(sync, roomId).find((event) => event.state_key === bob.userId && event.content.displayname === "Roberta"),
    );
    expect(await alice.ok("GET", `/profile/${encodeURIComponent(bob.userId)}/displayname`)).toEqual({ displayname: "Roberta" });
  });

  test("what somebody said goes at both processes when its time is over, or for those who come later when its sender is erased", async () => {
    const { alice, bob, roomId } = await room();
    const contentFor = async (client: TestClient, eventId: string): Promise<Body> =>
      (await client.ok("GET", path(roomId, `event/${encodeURIComponent(eventId)}`))).content;
    const isGone = async (client: TestClient, eventId: string) => Object.keys(await contentFor(client, eventId)).length === 0;
    const said = await alice.say(roomId, "personal");
    const carol = await deployment.user("carol", "worker1");
    await alice.ok("POST", path(roomId, "invite"), { user_id: carol.userId });
    await carol.until((sync) => sync.rooms?.invite?.[roomId]);
    await carol.join(roomId);

    const ending = { msgtype: "m.text", body: "not for long", "org.matrix.self_destruct_after": Date.now() + 1_000 };
    const { event_id: ended } = await alice.ok("PUT", path(roomId, "send/m.room.message/ending"), ending);
    await bob.sees(roomId, ended);
    await eventually(() => isGone(bob, ended));

    expect(await contentFor(carol, said)).toMatchObject({ body: "personal" });
    const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: alice.userId }, password: "sUp3r s3kr1t" };
    await alice.ok("POST", "/account/deactivate", { auth, erase: true });
    await eventually(() => isGone(carol, said));
    expect(await contentFor(bob, said)).toMatchObject({ body: "personal" });
  });

  test("a logout at one process ends the session at the other", async () => {
    const { bob } = await room();
    const elsewhere = bob.on(deployment.url("main"));
    await elsewhere.ok("GET", "/account/whoami");
    await bob.ok("POST", "/logout", {});
    await eventually(async () => (await elsewhere.call("GET", "/account/whoami")).status === 401);
  });

  test("who leaves or is banned at one process is told at the other", async () => {
    const { alice, bob, roomId } = await room();
    await alice.ok("POST", path(roomId, "ban"), { user_id: bob.userId, reason: "border" });
    await bob.until((sync) => sync.rooms?.leave?.[roomId]);
    expect((await bob.call("PUT", path(roomId, "send/m.room.message/x"), { body: "still here?" })).status).toBe(403);
  });
});
