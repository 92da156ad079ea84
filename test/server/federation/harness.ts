import { createRoomsServer, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { createPeer, peerConfig } from "../../builders/peer";
import type { Peer } from "../../builders/peer";

export interface Federated {
  readonly server: RoomsServer;
  readonly peer: Peer;
  readonly alice: Client;
  /** A user of the peer. */
  readonly bob: string;
  /** A public room of Alice's. */
  room(version?: string): Promise<string>;
  /** Texts of the messages that Alice sees, oldest first. */
  texts(roomId: string): Promise<string[]>;
  close(): Promise<void>;
}

/** Our server with a user, and another server, played by the test. */
export async function createFederated(overrides: Parameters<typeof createRoomsServer>[0] = {}): Promise<Federated> {
  const server = await createRoomsServer({ ...peerConfig, ...overrides });
  const peer = await createPeer({ url: server.url, serverName: "test.local" });
  const alice = await server.client("alice");
  return {
    server,
    peer,
    alice,
    bob: peer.user("bob"),
    room: (version = "10") => alice.createRoom({ preset: "public_chat", room_version: version }),
    async texts(roomId) {
      const page = await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=100`);
      const events = page.chunk as { type: string; content: { body: string } }[];
      return events.flatMap(({ type, content }) => (type === "m.room.message" ? [content.body] : [])).reverse();
    },
    async close() {
      await server.close();
      await peer.close();
    },
  };
}
