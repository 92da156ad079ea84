import { parseLosslessJson } from "../../src/lib/jsonLossless";
import type { JsonObject } from "../../src/lib/json";
import { authEventKeys } from "../../src/rooms/auth/authEvents";
import { buildEvent } from "../../src/rooms/buildEvent";
import type { EventRef, Pdu, RoomEvent } from "../../src/rooms/event";
import { referenceHash } from "../../src/rooms/hashes";
import { parseEvent } from "../../src/rooms/parseEvent";
import { readPdu } from "../../src/rooms/readPdu";
import { withSignature } from "../../src/rooms/signing";
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

/** A room that the peer makes and our server may join: with the peer's answers to all that joining and reading it asks for. */
export function hostRoom(peer: Peer, creator: string, versionId = "10"): PeerRoom {
  const room = createPeerRoom(peer, `!room${ids++}:${peer.name}`, versionId);
  const state = (type: string, content: JsonObject, stateKey = ""): unknown => room.make({ type, sender: creator, stateKey, content });
  state("m.room.create", { creator, room_version: versionId });
  state("m.room.member", { membership: "join" }, creator);
  state("m.room.power_levels", { users: { [creator]: 100 } });
  state("m.room.join_rules", { join_rule: "public" });
  serve(peer, room);
  return room;
}

const pdus = (events: Iterable<RoomEvent>): JsonObject[] => [...events].map(({ pdu }) => pdu);

/** Answers what servers ask about a room. */
function serve(peer: Peer, room: PeerRoom): void {
  const v1 = "/_matrix/federation/v1";
  const template = (membership: string, userId: string): JsonObject => {
    const event = room.fork({ type: "m.room.member", sender: userId, stateKey: userId, content: { membership } });
    const { signatures: _signatures, hashes: _hashes, ...rest } = event.pdu;
    return { event: rest, room_version: room.version.id };
  };
  const last = (path: string): string => path.split("/").at(-1) ?? "";
  peer.answer(`GET ${v1}/make_join/${room.roomId}`, ({ path }) => template("join", last(path)));
  peer.answer(`PUT /_matrix/federation/v2/send_join/${room.roomId}`, ({ body }) => {
    const before = { state: pdus(room.state.values()), auth_chain: pdus(room.known.values()) };
    room.take(body);
    return { ...before, event: body, members_omitted: false };
  });
  peer.answer(`GET ${v1}/event/`, ({ path }) => {
    const event = room.known.get(last(path));
    return event && { pdus: [event.pdu] };
  });
  peer.answer(`GET ${v1}/event_auth/${room.roomId}`, () => ({ auth_chain: pdus(room.state.values()) }));
  peer.answer(`GET ${v1}/backfill/${room.roomId}`, ({ query }) => ({ pdus: pdus(walkBack(room, query.getAll("v"))) }));
}

/** Has the peer vouch for joins in the name of one of its users, by its signature. */
export function approve(peer: Peer, room: PeerRoom, userId: string): void {
  const { roomId } = room;
  peer.answer(`GET /_matrix/federation/v1/make_join/${roomId}`, ({ path }) => {
    const joiner = path.split("/").at(-1) ?? "";
    const content = { membership: "join", join_authorised_via_users_server: userId };
    const { pdu } = room.fork({ type: "m.room.member", sender: joiner, stateKey: joiner, content });
    const { signatures: _signatures, hashes: _hashes, ...event } = pdu;
    return { event, room_version: room.version.id };
  });
  peer.answer(`PUT /_matrix/federation/v2/send_join/${roomId}`, ({ body }) => {
    const received = readPdu(room.version, body);
    if ("fault" in received) throw new Error(received.fault.message);
    const event = { ...body, signatures: withSignature(body.signatures, peer.key, peer.key.sign(received.signingText)) };
    const before = { state: pdus(room.state.values()), auth_chain: pdus(room.known.values()) };
    room.take(event);
    return { ...before, event, members_omitted: false };
  });
}

/** The events and all before them that the peer knows, newest first. */
export function walkBack(room: PeerRoom, eventIds: readonly string[]): RoomEvent[] {
  const found = new Map<string, RoomEvent>();
  for (let level = [...eventIds]; level.length > 0;) {
    const events = level.flatMap((id) => (found.has(id) ? [] : (room.known.get(id) ?? [])));
    for (const event of events) found.set(event.eventId, event);
    level = events.flatMap(({ prevEvents }) => prevEvents);
  }
  return [...found.values()].sort((a, b) => b.depth - a.depth);
}

/** What a server gave of a room that was joined without members, and what it holds back until it is told to. */
export interface Withheld {
  /** Answers questions for the state, which wait until then. */
  release(): void;
  /** The state before the join. */
  readonly before: RoomEvent[];
}

/** Has the peer leave the members of a room out when our server asks for that with its join, and keep the state to itself until the test lets go of it. */
export function withholdMembers(peer: Peer, room: PeerRoom, servers: readonly string[] = [peer.name]): Withheld {
  const { roomId } = room;
  const v1 = "/_matrix/federation/v1";
  const before: RoomEvent[] = [];
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  peer.answer(`PUT /_matrix/federation/v2/send_join/${roomId}`, ({ body, query }) => {
    if (before.length === 0) before.push(...room.state.values());
    const isWhole = query.get("omit_members") !== "true";
    const state = [...room.state.values()].filter(({ type }) => isWhole || type !== "m.room.member");
    const cited = new Set(state.flatMap(({ authEvents }) => authEvents));
    const chain = [...room.known.values()].filter(({ eventId, type }) => type === "m.room.member" && cited.has(eventId));
    room.take(body);
    return {
      state: pdus(state),
      auth_chain: pdus(chain),
      event: body,
      ...(!isWhole && { members_omitted: true, servers_in_room: [...servers] }),
    };
  });
  const ids = (): string[] => before.map(({ eventId }) => eventId);
  peer.answer(`GET ${v1}/state_ids/${roomId}`, async () => {
    await released;
    return { pdu_ids: ids(), auth_chain_ids: ids() };
  });
  peer.answer(`GET ${v1}/state/${roomId}`, () => ({ pdus: pdus(before), auth_chain: pdus(before) }));
  peer.answer(`GET ${v1}/event_auth/${roomId}`, () => ({ auth_chain: pdus(room.known.values()) }));
  return { before, release: () => release() };
}
