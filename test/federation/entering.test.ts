import type { Body, TestClient } from "../builders/client";
import { directions, startPair } from "./pair";
import type { Pair } from "./pair";
import { describeWithSynapse } from "./synapse";
import { enc, joinVia, roomPath, sameState, seesMember } from "./together";

describeWithSynapse("coming into rooms of other servers", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.close());

  describe.each(directions)("a room of %s, and somebody of %s", (home, away) => {
    const people = async (): Promise<[TestClient, TestClient]> => [await pair[home].user("alice"), await pair[away].user("bob")];
    const act = (client: TestClient, roomId: string, what: string, body: object = {}) =>
      client.ok("POST", `${roomPath(roomId)}/${what}`, body);
    const invited = (client: TestClient, roomId: string): Promise<Body[]> =>
      client.until((sync) => sync.rooms?.invite?.[roomId]?.invite_state.events);
    const out = (client: TestClient, roomId: string): Promise<Body> => client.until((sync) => sync.rooms?.leave?.[roomId]);

    test.each(["10", "11", "12"])("an invitation is shown and accepted, in version %s", async (version) => {
      const [alice, bob] = await people();
      const roomId = await alice.createRoom({ preset: "private_chat", name: "Tea", room_version: version });
      await act(alice, roomId, "invite", { user_id: bob.userId, reason: "at five" });
      const shown = await invited(bob, roomId);
      expect(shown).toContainEqual(expect.objectContaining({ type: "m.room.name", content: { name: "Tea" } }));
      expect(shown.find(({ type, state_key: key }) => type === "m.room.member" && key === bob.userId)).toMatchObject({
        sender: alice.userId,
        content: { membership: "invite", reason: "at five" },
      });
      await bob.join(roomId);
      await seesMember(alice, roomId, bob.userId, "join");
      await bob.sees(roomId, await alice.say(roomId, "come in"));
      await sameState(alice, bob, roomId);
    });

    test("an invitation is declined, and another taken back", async () => {
      const [alice, bob] = await people();
      const roomId = await alice.createRoom({ preset: "private_chat" });
      await act(alice, roomId, "invite", { user_id: bob.userId });
      await invited(bob, roomId);
      await act(bob, roomId, "leave");
      await seesMember(alice, roomId, bob.userId, "leave");
      await out(bob, roomId);
      await act(alice, roomId, "invite", { user_id: bob.userId });
      await invited(bob, roomId);
      await act(alice, roomId, "kick", { user_id: bob.userId });
      await out(bob, roomId);
      const { name } = pair[home];
      expect((await bob.call("POST", `/join/${enc(roomId)}?via=${name}&server_name=${name}`, {})).status).toBe(403);
    });

    test("a knock is answered, another turned down, a third withdrawn", async () => {
      const [alice, bob] = await people();
      const initial_state = [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "knock" } }];
      const roomId = await alice.createRoom({ preset: "private_chat", name: "Club", initial_state });
      const { name } = pair[home];
      const knock = () => bob.ok("POST", `/knock/${enc(roomId)}?via=${name}&server_name=${name}`, { reason: "let me in" });
      await knock();
      const shown: Body[] = await bob.until((sync) => sync.rooms?.knock?.[roomId]?.knock_state.events);
      expect(shown).toContainEqual(expect.objectContaining({ type: "m.room.name", content: { name: "Club" } }));
      expect((await seesMember(alice, roomId, bob.userId, "knock")).content.reason).toBe("let me in");
      // Synapse tells nobody of a knock that was turned down, nor hears of it
      await act(alice, roomId, "kick", { user_id: bob.userId });
      await knock();
      await seesMember(alice, roomId, bob.userId, "knock");
      await act(bob, roomId, "leave");
      // nor of one that was withdrawn
      if (away === "ours") await seesMember(alice, roomId, bob.userId, "leave");
      await knock();
      await seesMember(alice, roomId, bob.userId, "knock");
      await act(alice, roomId, "invite", { user_id: bob.userId });
      await invited(bob, roomId);
      await bob.join(roomId);
      await seesMember(alice, roomId, bob.userId, "join");
      await sameState(alice, bob, roomId);
    });

    test.each(["10", "12"])("members of a space come into its restricted room, others do not, in version %s", async (version) => {
      const [alice, bob] = await people();
      const [dave, mallory] = [await pair[away].user("dave"), await pair[away].user("mallory")];
      const space = await alice.createRoom({ preset: "public_chat", creation_content: { type: "m.space" }, room_version: version });
      const allow = [{ type: "m.room_membership", room_id: space }];
      const roomId = await alice.createRoom({
        preset: "private_chat",
        room_version: version,
        power_level_content_override: { invite: 50 },
        initial_state: [{ type: "m.room.join_rules", state_key: "", content: { join_rule: "restricted", allow } }],
      });
      const { name } = pair[home];
      const refused = await mallory.call("POST", `/join/${enc(roomId)}?via=${name}&server_name=${name}`, {});
      expect(refused).toMatchObject({ status: 403, body: { errcode: "M_FORBIDDEN" } });
      // Bob's server has to ask for his join, and for Dave's too: nobody there may invite
      for (const member of [bob, dave]) {
        await joinVia(pair[home], member, space);
        await seesMember(alice, space, member.userId, "join");
        await joinVia(pair[home], member, roomId);
        const { content } = await seesMember(alice, roomId, member.userId, "join");
        expect(content.join_authorised_via_users_server).toBe(alice.userId);
      }
      await bob.sees(roomId, await alice.say(roomId, "among us"));
      await sameState(alice, bob, roomId);
      expect((await mallory.call("POST", `/join/${enc(roomId)}?via=${name}&server_name=${name}`, {})).status).toBe(403);
    });
  });
});
