import type { Body, TestClient } from "../builders/client";
import { eventually } from "../builders/eventually";
import { directions, startPair } from "./pair";
import type { Pair } from "./pair";
import { describeWithSynapse } from "./synapse";
import { enc, joinVia, roomPath, sameState, seesMember } from "./together";

describeWithSynapse("rooms that are joined before their members have come", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.close());

  const lazy = enc(JSON.stringify({ room: { state: { lazy_load_members: true } } }));
  const shownIn = async (client: TestClient, roomId: string): Promise<Body | undefined> =>
    (await client.ok("GET", `/sync?timeout=0&filter=${lazy}`)).rooms?.join?.[roomId];

  test.each(directions)("a room of %s with more members, and somebody of %s", async (home, away) => {
    const members = [];
    for (let i = 0; i < 6; i++) members.push(await pair[home].user(`member${i}`));
    const [alice] = members as [TestClient];
    const bob = await pair[away].user("bob");
    const roomId = await alice.createRoom({ preset: "public_chat", name: "Market" });
    for (const member of members.slice(1)) await member.join(roomId);
    await members[3]?.say(roomId, "fresh fish");

    await joinVia(pair[home], bob, roomId);
    expect(await shownIn(bob, roomId)).toBeDefined();
    await bob.say(roomId, "how much?");
    await seesMember(alice, roomId, bob.userId, "join");
    const price = await members[4]?.say(roomId, "two for one");
    await bob.sees(roomId, price ?? "");

    const { joined } = await bob.ok("GET", `${roomPath(roomId)}/joined_members`);
    expect(Object.keys(joined).sort()).toEqual([...members.map(({ userId }) => userId), bob.userId].sort());
    await sameState(alice, bob, roomId);
    if (away === "ours") {
      const rows = await pair.databases.ours.db<{ isWhole: boolean }>`
        select full_at is not null as "isWhole" from partial_rooms join rooms using (room_nid) where room_id = ${roomId}`;
      expect(rows).toEqual([{ isWhole: true }]);
    }
    await eventually(async () => (await bob.ok("GET", "/sync?timeout=0")).rooms?.join?.[roomId] !== undefined);
    await members[5]?.ok("POST", `${roomPath(roomId)}/leave`, {});
    await seesMember(bob, roomId, members[5]?.userId ?? "", "leave");
    await sameState(alice, bob, roomId);
  });
});
