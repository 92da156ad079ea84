import { eventually } from "../../builders/eventually";
import type { JsonObject } from "../../../src/lib/json";
import { createPeerRoom, hostRoom, joinPeer } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;

beforeAll(async () => {
  f = await createFederated({ federation: { max_short_retries: 0, max_long_retries: 0, client_timeout: "300ms" as never } });
});
afterAll(() => f.close());

const v1 = "/_matrix/federation/v1";
const join = (roomId: string) => f.alice.call("POST", `/join/${enc(roomId)}?via=${f.peer.name}`, {});
const said = (body: string) => ({ sender: f.bob, content: { msgtype: "m.text", body } });

describe("rooms that are not what they are said to be", () => {
  const answerJoin = (room: PeerRoom, change: (answer: { state: JsonObject[]; auth_chain: JsonObject[] }) => void): void =>
    f.peer.answer(`PUT /_matrix/federation/v2/send_join/${room.roomId}`, ({ body }) => {
      const all = [...room.known.values()].map(({ pdu }) => pdu as JsonObject);
      const answer = { state: [...all], auth_chain: [...all], event: body, members_omitted: false };
      change(answer);
      return answer;
    });

  test("of another version than promised", async () => {
    const room = hostRoom(f.peer, f.bob, "10");
    const other = createPeerRoom(f.peer, room.roomId, "10");
    const create = other.make({ type: "m.room.create", sender: f.bob, stateKey: "", content: { creator: f.bob, room_version: "9" } });
    answerJoin(room, (answer) => {
      for (const list of [answer.state, answer.auth_chain]) list[0] = create.pdu;
    });
    expect((await join(room.roomId)).status).toBe(502);
  });

  test("without a beginning, or without what the join rests on", async () => {
    for (const missing of ["m.room.create", "m.room.power_levels"]) {
      const room = hostRoom(f.peer, f.bob);
      answerJoin(room, (answer) => {
        answer.state = answer.state.filter(({ type }) => type !== missing);
        answer.auth_chain = answer.auth_chain.filter(({ type }) => type !== missing);
      });
      expect((await join(room.roomId)).status).toBe(502);
      expect((await f.alice.get("/joined_rooms")).joined_rooms).not.toContain(room.roomId);
    }
  });

  test("with events of other rooms, and forged ones, which are left out", async () => {
    const room = hostRoom(f.peer, f.bob);
    const elsewhere = hostRoom(f.peer, f.bob);
    const foreign = elsewhere.make({ type: "m.room.topic", sender: f.bob, stateKey: "", content: { topic: "of another room" } });
    const forged = room.fork({ type: "m.room.name", sender: f.bob, stateKey: "", content: { name: "forged" } });
    answerJoin(room, (answer) => void answer.state.push(foreign.pdu, { ...forged.pdu, signatures: {} }, null as unknown as JsonObject));
    expect((await join(room.roomId)).status).toBe(200);
    for (const type of ["m.room.topic", "m.room.name"])
      expect((await f.alice.call("GET", `${roomPath(room.roomId)}/state/${type}`)).status).toBe(404);
  });

  test("with very many state events", async () => {
    const room = hostRoom(f.peer, f.bob);
    for (let i = 0; i < 1_500; i++) room.make({ type: "org.example.entry", sender: f.bob, stateKey: `${i}`, content: { i } });
    f.peer.answer(`PUT /_matrix/federation/v2/send_join/${room.roomId}`, ({ body }) => {
      const [first, ...rest] = [...room.known.values()].map(({ pdu }) => pdu);
      return { state: [first, ...rest], auth_chain: [first, ...rest.slice(0, 3)], event: body };
    });
    expect((await join(room.roomId)).status).toBe(200);
    expect(await f.alice.get(`${roomPath(room.roomId)}/state/org.example.entry/1499`)).toEqual({ i: 1_499 });
  });
});

test("events whose ids their server chose, and which rest on each other in a circle", async () => {
  const roomId = await f.room("1");
  const room = await joinPeer(f.peer, roomId, f.bob, "1");
  const [one, two] = [room.fork(said("one")), room.fork(said("two"))];
  const again = (event: typeof one, other: typeof one) =>
    room.fork({ ...said("again"), auth: [...room.state.values(), other], prev: [other] });
  const circle = [again(one, two), again(two, one)];
  const ring = circle.map((event, i) => ({ ...event.pdu, prev_events: [[circle[1 - i]?.eventId, { sha256: "x" }]] }));
  f.peer.answer(`POST ${v1}/get_missing_events/${roomId}`, () => ({ events: ring }));
  f.peer.answer(`GET ${v1}/event_auth/${roomId}`, () => ({ auth_chain: [...ring, ...circle.map(({ pdu }) => pdu)] }));
  f.peer.answer(`GET ${v1}/state_ids/${roomId}`, () => ({ pdu_ids: circle.map(({ eventId }) => eventId), auth_chain_ids: [] }));
  f.peer.answer(`GET ${v1}/event/`, ({ path }) => ({ pdus: [circle.find(({ eventId }) => path.endsWith(eventId))?.pdu] }));
  await room.send(...circle);
  const event = room.make(said("fine"));
  expect(await room.send(event)).toEqual({ [event.eventId]: {} });
  expect(await f.texts(roomId)).toContain("fine");
});

test("events from the year 1, or as deep as can be, stand where they are put", async () => {
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const old = room.make({ ...said("long ago"), ts: 1 });
  const later = room.make({ ...said("in an hour"), ts: Date.now() + 3_600_000 });
  // no key is known to be good by then
  const never = room.fork({ ...said("in the far future"), ts: Number.MAX_SAFE_INTEGER });
  expect(await room.send(old, later, never)).toEqual({
    [old.eventId]: {},
    [later.eventId]: {},
    [never.eventId]: { error: expect.stringContaining("no valid signature") },
  });
  await f.alice.text(roomId, "now");
  expect(await f.texts(roomId)).toEqual(["long ago", "in an hour", "now"]);
  const found = await f.alice.get(`/_matrix/client/v1${roomPath(roomId)}/timestamp_to_event?ts=${Date.now() - 60_000}&dir=f`);
  expect(found.event_id).not.toBe(old.eventId);
});

describe("answers that never end", () => {
  // whoever failed before is left alone until it shows that it is there
  beforeEach(() => f.peer.call("GET", `/query/profile?user_id=${enc(f.alice.userId)}`));
  const profileOf = (localpart: string) => f.alice.call("GET", `/profile/${enc(f.peer.user(localpart))}`);

  test("because they are endless", async () => {
    let isOpen = true;
    let written = 0;
    f.peer.stream(`GET ${v1}/query/profile`, (response) => {
      response.on("close", () => (isOpen = false));
      const chunk = `{"displayname":"${"x".repeat(64 * 1024)}"`;
      const more = (): void => {
        while (isOpen && ((written += chunk.length), response.write(chunk)));
        if (isOpen) response.once("drain", more);
      };
      more();
    });
    expect((await profileOf("endless")).status).toBe(502);
    await eventually(() => !isOpen);
    // what is small is not read for long
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test("because they are endless, where nobody says how large they may be", async () => {
    let isOpen = true;
    let written = 0;
    const { roomId } = hostRoom(f.peer, f.bob);
    f.peer.stream(`GET ${v1}/make_join/${roomId}`, (response) => {
      response.on("close", () => (isOpen = false));
      const more = (): void => {
        while (isOpen && ((written += 65_536), response.write("x".repeat(65_536))));
        if (isOpen) response.once("drain", more);
      };
      more();
    });
    expect((await join(roomId)).status).toBe(502);
    await eventually(() => !isOpen);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  test("because they drip", async () => {
    let timer: NodeJS.Timeout | undefined;
    const { roomId } = hostRoom(f.peer, f.bob);
    f.peer.stream(`GET ${v1}/make_join/${roomId}`, (response) => {
      response.write("{");
      timer = setInterval(() => response.write(" "), 50);
      response.on("close", () => clearInterval(timer));
    });
    expect((await join(roomId)).status).toBe(502);
    expect(timer).toBeDefined();
    clearInterval(timer);
  });
});
