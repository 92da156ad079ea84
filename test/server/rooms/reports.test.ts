import { createRoomsServer, enc, roomPath, v1 } from "./harness";
import type { Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
});
afterAll(() => server.close());

test("an event is reported by those who see it", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  const eventId = await alice.text(roomId, "spam");
  const path = `${roomPath(roomId)}/report/${enc(eventId)}`;
  expect((await bob.call("POST", path, {})).body.errcode).toBe("M_NOT_FOUND");
  await bob.post(`${roomPath(roomId)}/join`);
  expect(await bob.post(path, { reason: "sp\u0000am", score: -100 })).toEqual({});
  expect(await bob.post(path, {})).toEqual({});
  expect((await bob.call("POST", path, { reason: 1 })).body.errcode).toBe("M_BAD_JSON");
  expect((await bob.call("POST", path, { score: "much" })).body.errcode).toBe("M_BAD_JSON");
  expect((await bob.call("POST", `${roomPath(roomId)}/report/$nothing`, {})).body.errcode).toBe("M_NOT_FOUND");
  const rows = await server.app.db`select event_id, user_id, reason, score from event_reports order by id`;
  expect([...rows]).toEqual([
    { event_id: eventId, user_id: bob.userId, reason: "spam", score: -100 },
    { event_id: eventId, user_id: bob.userId, reason: null, score: null },
  ]);
});

test("rooms and users are reported with a reason", async () => {
  const roomId = await alice.createRoom();
  expect(await bob.post(`${roomPath(roomId)}/report`, { reason: "bad" })).toEqual({});
  expect(await bob.post(`/users/${enc(alice.userId)}/report`, { reason: "" })).toEqual({});
  expect((await bob.call("POST", `${roomPath(roomId)}/report`, {})).status).toBe(400);
  expect((await bob.call("POST", `${roomPath(roomId)}/report`, { reason: "x".repeat(1001) })).body.errcode).toBe("M_INVALID_PARAM");
  expect((await bob.call("POST", `${roomPath("!none:test.local")}/report`, { reason: "" })).body.errcode).toBe("M_NOT_FOUND");
  expect((await bob.call("POST", `/users/${enc("@none:test.local")}/report`, { reason: "" })).body.errcode).toBe("M_NOT_FOUND");
  expect([...(await server.app.db`select room_id, user_id, reason from room_reports`)]).toEqual([
    { room_id: roomId, user_id: bob.userId, reason: "bad" },
  ]);
  expect([...(await server.app.db`select target_user_id, user_id from user_reports`)]).toEqual([
    { target_user_id: alice.userId, user_id: bob.userId },
  ]);
});

test("mutual rooms are those that both are in", async () => {
  const [carol, dora] = [await server.client("carol"), await server.client("dora")];
  const shared: string[] = [];
  for (let i = 0; i < 102; i++) shared.push(await carol.createRoom({ preset: "public_chat" }));
  for (const roomId of shared) await dora.post(`${roomPath(roomId)}/join`);
  await carol.createRoom({ invite: [dora.userId] });
  shared.sort();
  const path = v1(`/mutual_rooms?user_id=${enc(dora.userId)}`);
  const first = await carol.get(path);
  expect(first).toMatchObject({ joined: shared.slice(0, 100), count: 102 });
  const second = await carol.get(`${path}&from=${first.next_batch}`);
  expect(second).toEqual({ joined: shared.slice(100), count: 102 });
  expect(await carol.get(v1(`/mutual_rooms?user_id=${enc("@nobody:test.local")}`))).toEqual({ joined: [], count: 0 });
  for (const query of ["", `?user_id=${enc(carol.userId)}`, "?user_id=nonsense", `?user_id=${enc(dora.userId)}&from=nonsense`]) {
    expect((await carol.call("GET", v1(`/mutual_rooms${query}`))).status).toBe(400);
  }
});
