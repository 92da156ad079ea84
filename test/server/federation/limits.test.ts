import { hostRoom } from "../../builders/peerRoom";
import { enc } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

describe("rooms that are too large", () => {
  const message = "Too much for us";
  let f: Federated;
  beforeAll(async () => {
    f = await createFederated({ limit_remote_rooms: { enabled: true, complexity: 0.05, complexity_error: message } });
  });
  afterAll(() => f.close());

  const path = (roomId: string): string => `/_matrix/federation/unstable/rooms/${enc(roomId)}/complexity`;
  const asked = (begins: string) => f.peer.requests.filter((request) => request.path.startsWith(begins)).length;
  const join = (roomId: string) => f.alice.call("POST", `/join/${enc(roomId)}?via=${f.peer.name}`, {});
  const tooMuch = { status: 400, body: { errcode: "M_RESOURCE_LIMIT_EXCEEDED", error: message } };

  test("other servers are told how much there is to open rooms", async () => {
    const roomId = await f.room();
    const before = (await f.peer.call("GET", path(roomId))).body.v1;
    for (let i = 0; i < 20; i++) await f.alice.setState(roomId, "org.example.entry", { i }, `${i}`);
    const { body } = await f.peer.call("GET", path(roomId));
    expect(body.v1 - before).toBeCloseTo(20 / 500);
    const closed = await f.alice.createRoom({ preset: "private_chat" });
    expect((await f.peer.call("GET", path(closed))).status).toBe(404);
    expect((await f.peer.call("GET", path("!nowhere:test.local"))).status).toBe(404);
  });

  test("what is said to be too large is not joined, what is not is", async () => {
    const room = hostRoom(f.peer, f.bob);
    f.peer.answer(`GET ${path("").slice(0, -"/complexity".length)}${room.roomId}`, () => ({ v1: 12.5 }));
    expect(await join(room.roomId)).toMatchObject(tooMuch);
    expect(asked(`/_matrix/federation/v1/make_join/${room.roomId}`)).toBe(0);
    f.peer.answer(`GET ${path("").slice(0, -"/complexity".length)}${room.roomId}`, () => ({ v1: 0.01 }));
    expect((await join(room.roomId)).status).toBe(200);
  });

  test("what turns out to be too large is left again", async () => {
    const room = hostRoom(f.peer, f.bob);
    for (let i = 0; i < 30; i++) room.make({ type: "org.example.entry", sender: f.bob, stateKey: `${i}`, content: { i } });
    expect(await join(room.roomId)).toMatchObject(tooMuch);
    expect((await f.alice.get("/joined_rooms")).joined_rooms).not.toContain(room.roomId);
    // somebody there tells, as Synapse does
    const small = hostRoom(f.peer, f.bob);
    expect((await join(small.roomId)).status).toBe(200);
  });
});

test("a server that asks too much at once is told to come back later", async () => {
  const f = await createFederated({
    rc_federation: { window_size: 60_000, sleep_limit: 2, sleep_delay: 1_000, reject_limit: 0, concurrent: 3 },
  });
  const ask = () => f.peer.call("GET", `/query/profile?user_id=${enc(f.alice.userId)}`);
  const answers = await Promise.all(Array.from({ length: 6 }, ask));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
  expect(answers.filter(({ status }) => status === 429).map(({ body }) => body.errcode)).toEqual(new Array(3).fill("M_LIMIT_EXCEEDED"));
  expect((await ask()).status).toBe(200);
  await f.close();
});
