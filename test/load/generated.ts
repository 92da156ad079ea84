import { request as httpRequest, Agent } from "node:http";
import { canonicalJson } from "../../src/lib/canonicalJson";
import type { JsonObject } from "../../src/lib/json";
import { requestText } from "../../src/remote/federationClient";
import type { RoomEvent } from "../../src/rooms/event";
import type { Peer } from "../builders/peer";
import { hostRoom } from "../builders/peerRoom";
import type { PeerRoom } from "../builders/peerRoom";

/** A room of a peer with many members of the peer. padding: characters that each of their events has beside what is usual. */
export function crowdedRoom(peer: Peer, members: number, padding = 0): PeerRoom {
  const room = hostRoom(peer, peer.user("creator"));
  const pad = padding > 0 ? { "org.example.padding": "x".repeat(padding) } : {};
  for (let i = 0; i < members; i++) {
    const sender = memberOf(peer, i);
    room.make({ type: "m.room.member", sender, stateKey: sender, content: { membership: "join", displayname: `Member ${i}`, ...pad } });
  }
  return room;
}

export const memberOf = (peer: Peer, i: number): string => peer.user(`member${i}`);

const WORDS = "a room spans servers of any make and what is said in it comes to all of them signed by whoever said it".split(" ");
const textOf = (i: number): string => Array.from({ length: 6 + (i % 20) }, (_, n) => WORDS[(i * 7 + n) % WORDS.length]).join(" ");

/** One message of a member. */
export function message(peer: Peer, room: PeerRoom, i: number, members: number): RoomEvent {
  const content = { msgtype: "m.text", body: textOf(i) };
  return room.make({ sender: memberOf(peer, i % members), content });
}

/** Of ten events seven messages, two memberships (somebody comes, changes their name, goes) and one other state event. */
export function mixture(peer: Peer, room: PeerRoom, i: number, members: number): RoomEvent {
  const kind = i % 10;
  if (kind < 7) return message(peer, room, i, members);
  if (kind === 9) {
    const name = { type: "m.room.topic", stateKey: "", content: { topic: textOf(i) } };
    return room.make({ ...name, sender: peer.user("creator") });
  }
  const guest = peer.user(`guest${kind}-${Math.floor(i / 30)}`);
  const step = Math.floor(i / 10) % 3;
  const content = step === 2 ? { membership: "leave" } : { membership: "join", displayname: `Guest ${i}` };
  return room.make({ type: "m.room.member", sender: guest, stateKey: guest, content });
}

/** A transaction as it goes over the wire to one server. */
export interface Parcel {
  readonly path: string;
  readonly text: string;
  readonly authorization: string;
}

let transactions = 0;

/** Signed ahead, so that the sender does nothing but send while it is measured. */
export function parcel(peer: Peer, destination: string, events: readonly RoomEvent[]): Parcel {
  const path = `/_matrix/federation/v1/send/load${++transactions}`;
  const body: JsonObject = { origin: peer.name, origin_server_ts: Date.now(), pdus: events.map(({ pdu }) => pdu), edus: [] };
  const text = canonicalJson(body);
  const signature = peer.key.sign(requestText({ method: "PUT", uri: path, origin: peer.name, destination, content: text }));
  const authorization = `X-Matrix origin="${peer.name}",destination="${destination}",key="${peer.key.keyId}",sig="${signature}"`;
  return { path, text, authorization };
}

const agent = new Agent({ keepAlive: true });

/** Sends a transaction and checks that every event was taken. */
export async function deliver(url: string, { path, text, authorization }: Parcel): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    const headers = { authorization, "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sent = httpRequest(url + path, { method: "PUT", agent, headers }, (response) => {
      let got = "";
      response.on("data", (chunk: Buffer) => (got += chunk.toString()));
      response.on("end", () => (response.statusCode === 200 ? resolve(got) : reject(new Error(`${response.statusCode} ${got}`))));
    });
    sent.on("error", reject);
    sent.end(text);
  });
  if (answer.includes('"error"')) throw new Error(`refused: ${answer.slice(0, 500)}`);
}

/** Closes the connections of deliver. */
export const hangUp = (): void => agent.destroy();
