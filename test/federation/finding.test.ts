import sharp from "sharp";
import { history } from "../builders/client";
import type { Body, TestClient } from "../builders/client";
import { eventually } from "../builders/eventually";
import { pictureFacts } from "../builders/picture";
import { directions, startPair } from "./pair";
import type { Pair } from "./pair";
import { describeWithSynapse } from "./synapse";
import { enc, joinVia, roomPath, sameState, seesMember, setState, shareRoom } from "./together";

describeWithSynapse("finding rooms, events and files of another server", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair();
  });
  afterAll(() => pair?.close());

  describe.each(directions)("what %s has, %s finds", (home, away) => {
    const people = async (): Promise<[TestClient, TestClient]> => [await pair[home].user("alice"), await pair[away].user("bob")];
    const v1 = (path: string): string => `/_matrix/client/v1${path}`;

    test("rooms by alias and in the directory", async () => {
      const [alice, bob] = await people();
      const { name } = pair[home];
      const topic = `about ${alice.userId}`;
      const roomId = await alice.createRoom({
        preset: "public_chat",
        visibility: "public",
        room_alias_name: alice.userId.slice(1, 7),
        topic,
      });
      const alias = `#${alice.userId.slice(1, 7)}:${name}`;
      expect(await bob.ok("GET", `/directory/room/${enc(alias)}`)).toEqual({ room_id: roomId, servers: expect.arrayContaining([name]) });
      expect((await bob.call("GET", `/directory/room/${enc(`#none:${name}`)}`)).status).toBe(404);
      // the directory may lag behind
      const search = async (): Promise<Body[]> =>
        (await bob.ok("POST", `/publicRooms?server=${name}`, { limit: 10, filter: { generic_search_term: topic } })).chunk;
      await eventually(async () => (await search())[0]?.canonical_alias === alias);
      expect(await search()).toEqual([
        expect.objectContaining({ room_id: roomId, topic, canonical_alias: alias, num_joined_members: 1, join_rule: "public" }),
      ]);
      const all = await bob.ok("GET", `/publicRooms?server=${name}`);
      expect(all.chunk.map((room: Body) => room.room_id)).toContain(roomId);
      await bob.ok("POST", `/join/${enc(alias)}`, {});
      await bob.sees(roomId, await alice.say(roomId, "found"));
    });

    test("what was said before, in order and to the beginning, by time too", async () => {
      const alice = await pair[home].user("alice");
      const roomId = await alice.createRoom({ preset: "public_chat" });
      const said: string[] = [];
      for (let i = 0; i < 60; i++) said.push(await alice.say(roomId, `line ${i}`));
      const bob = await pair[away].user("bob");
      await joinVia(pair[home], bob, roomId);
      const middle = said[30] ?? "";
      const { origin_server_ts: ts } = await alice.ok("GET", `${roomPath(roomId)}/event/${enc(middle)}`);
      const found = await bob.ok("GET", v1(`${roomPath(roomId)}/timestamp_to_event?ts=${ts}&dir=f`));
      expect(found).toEqual({ event_id: middle, origin_server_ts: ts });
      let events: Body[] = [];
      await eventually(async () => {
        events = await history(bob, roomId);
        return events[0]?.type === "m.room.create";
      });
      const ids = events.map(({ event_id: id }) => id);
      expect(ids.filter((id) => said.includes(id))).toEqual(said);
      expect(new Set(ids).size).toBe(ids.length);
      const around = await bob.ok("GET", `${roomPath(roomId)}/context/${enc(middle)}?limit=4`);
      expect(around.event.event_id).toBe(middle);
      // Synapse leaves some out where it has fetched the event alone
      if (away === "ours") expect(around.events_before[0].event_id).toBe(said[29]);
    });

    test("rooms of a space that are not known here", async () => {
      const [alice, bob] = await people();
      const { name } = pair[home];
      const creation_content = { type: "m.space" };
      const space = await alice.createRoom({ preset: "public_chat", name: "Space", creation_content });
      const inner = await alice.createRoom({ preset: "public_chat", name: "Inner space", creation_content });
      const open = await alice.createRoom({ preset: "public_chat", name: "Open" });
      const closed = await alice.createRoom({ preset: "private_chat", name: "Closed" });
      const child = (parent: string, of: string) => setState(alice, parent, "m.space.child", { via: [name] }, of);
      await child(space, inner);
      await child(space, closed);
      await child(inner, open);
      await joinVia(pair[home], bob, space);
      const { rooms } = await bob.ok("GET", v1(`${roomPath(space)}/hierarchy?limit=20`));
      expect(rooms.map((room: Body) => room.name)).toEqual(["Space", "Inner space", "Open"]);
      const summary = await bob.ok("GET", v1(`/room_summary/${enc(open)}?via=${name}`));
      expect(summary).toMatchObject({ room_id: open, name: "Open", join_rule: "public", num_joined_members: 1 });
      expect((await bob.call("GET", v1(`/room_summary/${enc(closed)}?via=${name}`))).status).toBe(404);
    });

    test("files and thumbnails", async () => {
      const [alice, bob] = await people();
      const picture = await sharp({ create: { width: 200, height: 100, channels: 3, background: "teal" } })
        .png()
        .toBuffer();
      const uploaded = await fetch(`${pair[home].url}/_matrix/media/v3/upload?filename=teal.png`, {
        method: "POST",
        headers: { authorization: `Bearer ${alice.token}`, "content-type": "image/png" },
        body: new Uint8Array(picture),
      });
      const { content_uri: uri } = (await uploaded.json()) as { content_uri: string };
      const media = (what: string, rest = "") =>
        fetch(`${pair[away].url}/_matrix/client/v1/media/${what}/${uri.slice("mxc://".length)}${rest}`, {
          headers: { authorization: `Bearer ${bob.token}` },
        });
      const downloaded = await media("download");
      expect(downloaded.status).toBe(200);
      expect(downloaded.headers.get("content-type")).toBe("image/png");
      expect(downloaded.headers.get("content-disposition")).toContain("teal.png");
      expect(Buffer.from(await downloaded.arrayBuffer()).equals(picture)).toBe(true);
      const thumbnail = await media("thumbnail", "?width=32&height=32&method=crop");
      expect(thumbnail.status).toBe(200);
      expect(await pictureFacts(Buffer.from(await thumbnail.arrayBuffer()))).toMatchObject({ width: 32, height: 32 });
      const missing = await fetch(`${pair[away].url}/_matrix/client/v1/media/download/${pair[home].name}/nothing`, {
        headers: { authorization: `Bearer ${bob.token}` },
      });
      expect(missing.status).toBe(404);
    });

    test("the room that took another one's place", async () => {
      const [alice, bob, old] = await shareRoom(pair[home], pair[away], { room_version: "10", name: "Old" });
      const { replacement_room: next } = await alice.ok("POST", `${roomPath(old)}/upgrade`, { new_version: "12" });
      const tombstone: Body = await bob.until((sync) =>
        sync.rooms?.join?.[old]?.timeline.events.find(({ type }: Body) => type === "m.room.tombstone"),
      );
      expect(tombstone.content.replacement_room).toBe(next);
      await joinVia(pair[home], bob, next);
      await seesMember(alice, next, bob.userId, "join");
      await bob.sees(next, await alice.say(next, "here we are"));
      expect((await bob.ok("GET", `${roomPath(next)}/state/m.room.name`)).name).toBe("Old");
      expect((await bob.ok("GET", `${roomPath(next)}/state/m.room.create`)).predecessor.room_id).toBe(old);
      await sameState(alice, bob, old);
      await sameState(alice, bob, next);
    });
  });
});
