import { createRoomsServer, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { createPeer, peerConfig } from "../../builders/peer";
import type { Peer } from "../../builders/peer";
import { joinPeer } from "../../builders/peerRoom";

let server: RoomsServer;
let peer: Peer;
let alice: Client;

beforeAll(async () => {
  server = await createRoomsServer(peerConfig);
  peer = await createPeer({ url: server.url, serverName: "test.local" });
  alice = await server.client("alice");
});
afterAll(async () => {
  await server.close();
  await peer.close();
});

const publicRoom = (version = "10"): Promise<string> => alice.createRoom({ preset: "public_chat", room_version: version });
const bob = (): string => peer.user("bob");

async function bodies(roomId: string): Promise<string[]> {
  const page = await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=50`);
  return page.chunk.flatMap((event: { type: string; content: { body: string } }) =>
    event.type === "m.room.message" ? [event.content.body] : [],
  );
}

test.each(["1", "6", "10", "11", "12"])("a user of another server joins a room of version %s and speaks", async (version) => {
  const roomId = await publicRoom(version);
  const room = await joinPeer(peer, roomId, bob(), version);
  expect(room.state.get("m.room.create\u0000")?.sender).toBe(alice.userId);
  const hello = room.make({ sender: bob(), content: { msgtype: "m.text", body: "hello" } });
  expect(await room.send(hello)).toEqual({ [hello.eventId]: {} });
  expect(await bodies(roomId)).toEqual(["hello"]);
  expect((await alice.get(`${roomPath(roomId)}/joined_members`)).joined).toHaveProperty([bob()]);
});
