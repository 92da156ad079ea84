import { parseLosslessJson } from "../../src/lib/jsonLossless";
import type { JsonObject } from "../../src/lib/json";
import { authEventKeys } from "../../src/rooms/auth/authEvents";
import { buildEvent } from "../../src/rooms/buildEvent";
import type { EventRef, Pdu, RoomEvent } from "../../src/rooms/event";
import { referenceHash } from "../../src/rooms/hashes";
import { parseEvent } from "../../src/rooms/parseEvent";
import { roomVersion } from "../../src/rooms/versions";
import type { RoomVersion } from "../../src/rooms/versions";
import type { Peer } from "./peer";

/** An event to be, in a room that the peer takes part in. */
export interface PeerEvent {
  readonly type?: string;
  readonly sender: string;
  readonly content?: JsonObject;
  readonly stateKey?: string;
  readonly prev?: readonly RoomEvent[];
  readonly auth?: readonly RoomEvent[];
  readonly redacts?: string;
  readonly ts?: number;
}

/** A room as the peer knows it: its state, and where it ends. */
export interface PeerRoom {
  readonly roomId: string;
  readonly version: RoomVersion;
  readonly state: Map<string, RoomEvent>;
  readonly known: Map<string, RoomEvent>;
  tip: readonly RoomEvent[];
  /** Builds and signs an event; the peer then goes on from it. */
  make(event: PeerEvent): RoomEvent;
  /** As make, but the peer's own view of the room stays as it was. */
  fork(event: PeerEvent): RoomEvent;
  /** Takes in an event of somebody else, as it came. */
  take(pdu: JsonObject): RoomEvent;
  /** Sends events to our server in one transaction; gives what it says of each. */
  send(...events: readonly RoomEvent[]): Promise<Record<string, { error?: string }>>;
}

const keyOf = (type: string, stateKey: string): string => `${type}\u0000${stateKey}`;
let ids = 0;

export function createPeerRoom(peer: Peer, roomId: string, versionId: string): PeerRoom {
  const version = roomVersion(versionId);
  if (!version) throw new Error(`unknown version ${versionId}`);
  const state = new Map<string, RoomEvent>();
  const known = new Map<string, RoomEvent>();

  function fork({ type = "m.room.message", sender, content = { body: "hello" }, stateKey, prev, auth, redacts, ts }: PeerEvent): RoomEvent {
    const before = prev ?? room.tip;
    const keys = authEventKeys(version as RoomVersion, { type, sender, stateKey, content });
    const rests = auth ?? keys.flatMap(([authType, key]) => state.get(keyOf(authType, key)) ?? []);
    const { event } = buildEvent(
      version as RoomVersion,
      {
        type,
        sender,
        content,
        roomId,
        ...(stateKey !== undefined && { stateKey }),
        ...(redacts !== undefined && { redacts }),
        originServerTs: ts ?? Date.now(),
        depth: Math.max(0, ...before.map(({ depth }) => depth)) + 1,
        prevEvents: before.map(refOf),
        authEvents: rests.map(refOf),
        ...(version?.eventIds === "opaque" && { eventId: `$peer${ids++}:${peer.name}` }),
      },
      peer.key,
    );
    return event;
  }

  const refOf = (event: RoomEvent): EventRef => ({
    eventId: event.eventId,
    ...(version.eventRefs !== "ids" && { sha256: referenceHash(version, event.pdu) }),
  });

  function goOn(event: RoomEvent): RoomEvent {
    known.set(event.eventId, event);
    if (event.stateKey !== undefined) state.set(keyOf(event.type, event.stateKey), event);
    room.tip = [event];
    return event;
  }

  const room: PeerRoom = {
    roomId,
    version,
    state,
    known,
    tip: [],
    make: (event) => goOn(fork(event)),
    fork,
    take: (pdu) => goOn(eventFrom(version, pdu)),
    async send(...events) {
      const pdus = events.map(({ pdu }) => pdu);
      const body = { origin: peer.name, origin_server_ts: Date.now(), pdus, edus: [] };
      const answer = await peer.call("PUT", `/send/${ids++}`, body);
      if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body.pdus;
    },
  };
  return room;
}

/** Numbers as servers keep them. */
export function eventFrom(version: RoomVersion, pdu: JsonObject): RoomEvent {
  const { unsigned: _unsigned, ...rest } = pdu;
  return parseEvent(version, parseLosslessJson(JSON.stringify(rest)) as Pdu);
}

/** Has a user of the peer join a room of our server, as servers do it; gives the peer's view of the room. */
export async function joinPeer(peer: Peer, roomId: string, userId: string, versionId = "10"): Promise<PeerRoom> {
  const room = createPeerRoom(peer, roomId, versionId);
  const path = `/make_join/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}?ver=${versionId}`;
  const made = await peer.call("GET", path);
  if (made.status !== 200) throw new Error(`make_join: ${made.status} ${JSON.stringify(made.body)}`);
  const { event: template } = made.body;
  const { event: join } = buildEvent(
    room.version,
    {
      type: "m.room.member",
      sender: userId,
      stateKey: userId,
      roomId,
      content: template.content,
      originServerTs: Date.now(),
      depth: template.depth,
      prevEvents: template.prev_events.map((ref: unknown) => (Array.isArray(ref) ? { eventId: ref[0], ...ref[1] } : { eventId: ref })),
      authEvents: template.auth_events.map((ref: unknown) => (Array.isArray(ref) ? { eventId: ref[0], ...ref[1] } : { eventId: ref })),
      ...(room.version.eventIds === "opaque" && { eventId: `$peer${ids++}:${peer.name}` }),
    },
    peer.key,
  );
  const sendPath = `/_matrix/federation/v2/send_join/${encodeURIComponent(roomId)}/${encodeURIComponent(join.eventId)}`;
  const sent = await peer.call("PUT", sendPath, join.pdu);
  if (sent.status !== 200) throw new Error(`send_join: ${sent.status} ${JSON.stringify(sent.body)}`);
  for (const pdu of [...sent.body.auth_chain, ...sent.body.state]) room.take(pdu);
  room.take(sent.body.event);
  return room;
}
