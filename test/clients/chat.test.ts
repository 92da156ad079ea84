import { onDatabaseServer, onEmbeddedDatabase, onTwoProcesses } from "./deployments";
import type { Server } from "./deployments";
import { loadSdk } from "./sdk";
import type { Sdk } from "./sdk";
import { login, register } from "./user";
import type { User } from "./user";

let sdk: Sdk;
beforeAll(async () => {
  sdk = await loadSdk();
});

const LINES = 30;

describe.each([
  ["one process on its embedded database", onEmbeddedDatabase],
  ["one process on a database server", () => onDatabaseServer()],
  ["two processes, one for each user", onTwoProcesses],
] as const)("%s", (_, startServer) => {
  let server: Server;
  let alice: User;
  let bob: User;
  let roomId: string;
  const users: User[] = [];

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    for (const { client } of users) client.stopClient();
    await server?.close();
  });

  const say = async ({ client }: User, text: string): Promise<string> => (await client.sendTextMessage(roomId, text)).event_id;

  test("two people register, and one invites the other into a room", async () => {
    const [urlOfAlice, urlOfBob] = server.urls;
    users.push(...(await Promise.all([register(sdk, urlOfAlice, "alice"), register(sdk, urlOfBob, "bob")])));
    [alice, bob] = users as [User, User];
    await alice.client.setDisplayName("Alice");
    const preset = sdk.Preset.PrivateChat;
    ({ room_id: roomId } = await alice.client.createRoom({ name: "Tea", topic: "at five", preset, invite: [bob.userId] }));
    await bob.until(roomId, (room) => room.getMyMembership() === "invite" && room.name === "Tea");
    await bob.client.joinRoom(roomId);
    await bob.until(roomId, (room) => room.getMyMembership() === "join" && room.getMember(alice.userId)?.name === "Alice");
    await alice.until(roomId, (room) => room.getMember(bob.userId)?.membership === "join");
  });

  test("messages both ways, with reactions, edits and threads", async () => {
    const hello = await say(alice, "hello");
    expect((await bob.sees(roomId, hello)).getContent()).toMatchObject({ msgtype: "m.text", body: "hello" });
    const answer = await say(bob, "good afternoon");
    expect((await alice.sees(roomId, answer)).getSender()).toBe(bob.userId);

    const annotates = { "m.relates_to": { rel_type: sdk.RelationType.Annotation, event_id: answer, key: "👍" } } as const;
    await alice.client.sendEvent(roomId, sdk.EventType.Reaction, annotates);
    await bob.until(roomId, (room) => {
      const reactions = room.relations.getChildEventsForEvent(answer, sdk.RelationType.Annotation, sdk.EventType.Reaction);
      return reactions?.getSortedAnnotationsByKey()?.some(([key, events]) => key === "👍" && events.size === 1) === true;
    });
    await alice.client.sendMessage(roomId, {
      msgtype: sdk.MsgType.Text,
      body: "* hello!",
      "m.new_content": { msgtype: sdk.MsgType.Text, body: "hello!" },
      "m.relates_to": { rel_type: sdk.RelationType.Replace, event_id: hello },
    });
    await bob.until(roomId, (room) => room.findEventById(hello)?.getContent()["body"] === "hello!");
    await bob.client.sendMessage(roomId, hello, { msgtype: sdk.MsgType.Text, body: "in a thread" });
    await alice.until(roomId, (room) => room.getThread(hello)?.length === 1);
  });

  test("what is redacted is gone", async () => {
    const slip = await say(alice, "a slip of the tongue");
    await bob.sees(roomId, slip);
    await alice.client.redactEvent(roomId, slip, undefined, { reason: "oops" });
    await bob.until(roomId, (room) => room.findEventById(slip)?.isRedacted() === true);
    expect((await bob.sees(roomId, slip)).getContent()).toEqual({});
    const fetched = await bob.client.fetchRoomEvent(roomId, slip);
    expect(fetched).toMatchObject({ content: {}, unsigned: { redacted_because: { content: { reason: "oops" } } } });
  });

  test("receipts tell what was read, and unread messages are counted", async () => {
    const news = await say(alice, "news");
    await bob.until(roomId, (room) => room.findEventById(news) !== undefined && room.getUnreadNotificationCount() > 0);
    const event = await bob.sees(roomId, news);
    await bob.client.sendReadReceipt(event);
    await alice.until(roomId, (room) => room.hasUserReadEvent(bob.userId, news) && room.getEventReadUpTo(bob.userId) === news);
    await bob.until(roomId, (room) => room.getUnreadNotificationCount() === 0);
  });

  test("who types is seen to type, and to stop", async () => {
    await bob.client.sendTyping(roomId, true, 60_000);
    await alice.until(roomId, (room) => room.getMember(bob.userId)?.typing === true);
    await bob.client.sendTyping(roomId, false, 0);
    await alice.until(roomId, (room) => room.getMember(bob.userId)?.typing === false);
  });

  test("a new device pages back to the beginning, and finds everything once and in order", async () => {
    const sent: string[] = [];
    for (let i = 0; i < LINES; i++) sent.push(await say(i % 2 === 0 ? alice : bob, `line ${i}`));
    const other = await login(sdk, server.urls[1], alice.userId);
    users.push(other);
    const room = await other.room(roomId);
    await other.sees(roomId, sent.at(-1) ?? "");
    const timeline = () => room.getLiveTimeline().getEvents();
    expect(timeline().length).toBeLessThan(LINES);
    while (room.oldState.paginationToken !== null) await other.client.scrollback(room, 10);
    const ids = timeline().map((event) => event.getId() ?? "");
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => sent.includes(id))).toEqual(sent);
    expect(timeline()[0]?.getType()).toBe("m.room.create");
    expect(timeline().map((event) => event.getContent()["body"])).toContain("good afternoon");
  });

  test("who leaves is gone, and who logs out is forgotten", async () => {
    await bob.client.leave(roomId);
    await alice.until(roomId, (room) => room.getMember(bob.userId)?.membership === "leave");
    const { client } = bob;
    await client.logout(true);
    await expect(client.whoami()).rejects.toMatchObject({ errcode: "M_UNKNOWN_TOKEN" });
  });
});
