import { timelineOf } from "../builders/client";
import type { Body, TestClient } from "../builders/client";
import { directions, startPair } from "./pair";
import type { Pair } from "./pair";
import { describeWithSynapse } from "./synapse";
import { enc, joinVia, roomPath, sameState, seesMember, setState, shareRoom } from "./together";

describeWithSynapse("rooms that span servers", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.close());

  describe.each(directions)("a room of %s, and somebody of %s", (home, away) => {
    const together = (options: object = {}) => shareRoom(pair[home], pair[away], options);

    test.each(["10", "11", "12"])("messages both ways in version %s", async (version) => {
      const [alice, bob, roomId] = await together({ room_version: version });
      await bob.sees(roomId, await alice.say(roomId, "hello"));
      await alice.sees(roomId, await bob.say(roomId, "hello to you"));
      await sameState(alice, bob, roomId);
    });

    test("who leaves and forgets may come back", async () => {
      const [alice, bob, roomId] = await together();
      await bob.ok("POST", `${roomPath(roomId)}/leave`, {});
      await seesMember(alice, roomId, bob.userId, "leave");
      await bob.ok("POST", `${roomPath(roomId)}/forget`, {});
      expect((await bob.call("GET", `${roomPath(roomId)}/messages?dir=b`)).status).toBe(403);
      const meanwhile = await alice.say(roomId, "nobody is here");
      await joinVia(pair[home], bob, roomId);
      await seesMember(alice, roomId, bob.userId, "join");
      await bob.sees(roomId, await alice.say(roomId, "again"));
      const { chunk } = await bob.ok("GET", `${roomPath(roomId)}/messages?dir=b&limit=20`);
      expect(chunk.map(({ event_id: id }: Body) => id)).toContain(meanwhile);
      await sameState(alice, bob, roomId);
    });

    test("who is kicked may come back, who is banned may not until the ban is lifted", async () => {
      const [alice, bob, roomId] = await together();
      const act = (what: string) => alice.ok("POST", `${roomPath(roomId)}/${what}`, { user_id: bob.userId, reason: what });
      const out = () => bob.until((sync) => sync.rooms?.leave?.[roomId]);
      // a first sync says nothing of rooms that were left
      await bob.sync();
      await act("kick");
      await out();
      await joinVia(pair[home], bob, roomId);
      await bob.until((sync) => sync.rooms?.join?.[roomId]);
      await act("ban");
      await out();
      const refused = await bob.call("POST", `/join/${enc(roomId)}?via=${pair[home].name}&server_name=${pair[home].name}`, {});
      expect(refused).toMatchObject({ status: 403, body: { errcode: "M_FORBIDDEN" } });
      await act("unban");
      await joinVia(pair[home], bob, roomId);
      await seesMember(alice, roomId, bob.userId, "join");
      await sameState(alice, bob, roomId);
    });

    test("redactions by moderators and by authors", async () => {
      const [alice, bob, roomId] = await together({ room_version: "11" });
      const [one, two] = [await bob.say(roomId, "one"), await bob.say(roomId, "two")];
      await alice.sees(roomId, two);
      const redact = async (client: TestClient, eventId: string): Promise<string> =>
        (await client.ok("PUT", `${roomPath(roomId)}/redact/${enc(eventId)}/r${eventId.slice(1, 8)}`, { reason: "oops" })).event_id;
      await bob.sees(roomId, await redact(alice, one));
      await alice.sees(roomId, await redact(bob, two));
      for (const client of [alice, bob]) {
        for (const id of [one, two]) {
          const event = await client.ok("GET", `${roomPath(roomId)}/event/${enc(id)}`);
          expect(event).toMatchObject({ content: {}, unsigned: { redacted_because: { content: { reason: "oops" } } } });
        }
      }
    });

    test.each(["10", "11", "12"])("changes at the same time end in the same state, in version %s", async (version) => {
      const levels = { users_default: 50, state_default: 50 };
      const [alice, bob, roomId] = await together({ room_version: version, power_level_content_override: levels });
      for (let round = 0; round < 5; round++) {
        const by = (who: TestClient, other: TestClient) => [
          setState(who, roomId, "m.room.topic", { topic: `${round} of ${who.userId}` }),
          setState(who, roomId, "m.room.name", { name: `${round} of ${who.userId}` }),
          setState(who, roomId, "org.example.own", { round }, who.userId === alice.userId ? "a" : "b"),
          setState(who, roomId, "org.example.both", { round, by: who.userId }),
          who.say(roomId, `${round}`).catch(() => other.userId),
        ];
        await Promise.all([...by(alice, bob), ...by(bob, alice)]);
      }
      await alice.sees(roomId, await bob.say(roomId, "done"));
      await bob.sees(roomId, await alice.say(roomId, "done, too"));
      const state = await sameState(alice, bob, roomId);
      expect(Object.keys(state)).toEqual(expect.arrayContaining(["org.example.own a", "org.example.own b", "org.example.both "]));
    });

    test("a moderator loses power while acting: both servers end with the same verdict", async () => {
      const [alice, bob, roomId] = await together({ room_version: "10" });
      const carol = await pair[away].user("carol");
      await joinVia(pair[home], carol, roomId);
      await seesMember(alice, roomId, carol.userId, "join");
      const before = await alice.ok("GET", `${roomPath(roomId)}/state/m.room.power_levels`);
      const levels = (of: number) => ({ ...before, users: { ...before.users, [bob.userId]: of } });
      for (let round = 0; round < 3; round++) {
        await setState(alice, roomId, "m.room.power_levels", levels(50));
        await bob.until((sync) =>
          timelineOf(sync, roomId).find(({ type, content }) => type === "m.room.power_levels" && content.users[bob.userId] === 50),
        );
        await Promise.all([
          setState(alice, roomId, "m.room.power_levels", levels(0)),
          bob.call("PUT", `${roomPath(roomId)}/state/m.room.topic/`, { topic: `round ${round}` }),
          bob.call("POST", `${roomPath(roomId)}/ban`, { user_id: carol.userId }),
          bob.call("PUT", `${roomPath(roomId)}/state/m.room.join_rules/`, { join_rule: round % 2 === 0 ? "invite" : "public" }),
        ]);
        await bob.sees(roomId, await alice.say(roomId, "settled"));
        await sameState(alice, bob, roomId);
        await alice.call("POST", `${roomPath(roomId)}/unban`, { user_id: carol.userId });
      }
    });
  });
});
