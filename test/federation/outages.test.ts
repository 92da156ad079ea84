import type { Body, TestClient } from "../builders/client";
import { directions, startPair } from "./pair";
import type { HomeServer, Pair } from "./pair";
import { describeWithSynapse } from "./synapse";
import { joinVia, roomPath, sameState, seesMember, setState, shareRoom } from "./together";

describeWithSynapse("a server that was away", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.close());

  const restart = async (server: HomeServer): Promise<void> => {
    await server.stop();
    await server.start();
  };

  describe.each(directions)("%s stays, %s goes", (here, gone) => {
    test("and gets what was said meanwhile, and messages to devices", async () => {
      const [alice, bob, roomId] = await shareRoom(pair[here], pair[gone]);
      const [carol, dan, other] = await shareRoom(pair[here], pair[gone]);
      await bob.sync();
      await pair[gone].stop();
      const said: string[] = [];
      for (let i = 0; i < 30; i++) said.push(await alice.say(roomId, `line ${i}`));
      const named = await setState(carol, other, "m.room.name", { name: "renamed" });
      const messages = { [bob.userId]: { [bob.deviceId]: { n: 1 } } };
      await alice.ok("PUT", "/sendToDevice/org.example.test/t1", { messages });
      await pair[gone].start();
      // whoever comes back says something first, and is not left alone any more
      await alice.sees(roomId, await bob.say(roomId, "I am back"));
      said.push(await alice.say(roomId, "welcome back"));
      let heard = false;
      await bob.until((sync) => {
        heard ||= sync.to_device?.events.some(({ type }: Body) => type === "org.example.test") ?? false;
        return heard || undefined;
      });
      await dan.until((sync) => sync.rooms?.join?.[other]?.timeline.events.find(({ event_id: id }: Body) => id === named));
      const all = async (): Promise<string[]> => {
        const { chunk } = await bob.ok("GET", `${roomPath(roomId)}/messages?dir=b&limit=100`);
        return (chunk as Body[]).map(({ event_id: id }) => id).reverse();
      };
      await bob.sees(roomId, said.at(-1) ?? "").catch(() => undefined);
      expect((await all()).filter((id) => said.includes(id))).toEqual(said);
      await sameState(alice, bob, roomId);
      await sameState(carol, dan, other);
    });
  });

  test("both went on alone for a while, and end in the same state", async () => {
    const levels = { users_default: 50, state_default: 50 };
    const [alice, bob, roomId] = await shareRoom(pair.ours, pair.synapse, { room_version: "11", power_level_content_override: levels });
    const [carol, dan] = [await pair.ours.user("carol"), await pair.synapse.user("dan")];
    await joinVia(pair.synapse, carol, roomId);
    await joinVia(pair.ours, dan, roomId);
    await seesMember(alice, roomId, dan.userId, "join");
    await seesMember(bob, roomId, carol.userId, "join");
    const act = (client: TestClient, what: string, user: TestClient) =>
      client.ok("POST", `${roomPath(roomId)}/${what}`, { user_id: user.userId });
    const before = await alice.ok("GET", `${roomPath(roomId)}/state/m.room.power_levels`);
    const powers = { ...before, users: { ...before.users, [carol.userId]: 0, [dan.userId]: 0 } };
    await bob.sees(roomId, await setState(alice, roomId, "m.room.power_levels", powers));
    const speak = async (who: TestClient, round: number): Promise<void> => {
      await setState(who, roomId, "m.room.topic", { topic: `${round} of ${who.userId}` });
      await setState(who, roomId, "org.example.split", { round }, who.userId.slice(1, 4));
      await who.say(roomId, `${round}`);
    };

    await pair.synapse.stop();
    for (let round = 0; round < 5; round++) await speak(alice, round);
    await setState(alice, roomId, "m.room.power_levels", { ...powers, users: { ...powers.users, [bob.userId]: 0 } });
    await act(alice, "kick", dan);
    await setState(alice, roomId, "m.room.name", { name: "ours alone" });
    await pair.ours.stop();
    await pair.synapse.start();
    for (let round = 0; round < 5; round++) await speak(bob, round);
    await act(bob, "ban", carol);
    await setState(bob, roomId, "m.room.join_rules", { join_rule: "invite" });
    await setState(bob, roomId, "m.room.name", { name: "theirs alone" });
    await pair.ours.start();

    await bob.sees(roomId, await alice.say(roomId, "here I am"));
    await alice.sees(roomId, await bob.say(roomId, "so am I"));
    const state = await sameState(alice, bob, roomId);
    expect(Object.keys(state)).toEqual(expect.arrayContaining(["org.example.split ali", `m.room.member ${dan.userId}`]));
    await restart(pair.ours);
    expect(await sameState(alice, bob, roomId)).toEqual(state);
  });
});
