import { enc } from "../rooms/harness";
import { createAdministered } from "./harness";
import type { Administered } from "./harness";

let a: Administered;

beforeAll(async () => {
  a = await createAdministered();
});
afterAll(() => a.close());

const list = async (query: string) => (await a.manage("GET", `/v1/rooms?${query}`)).body;
const names = (body: { rooms: { name: string | null }[] }): (string | null)[] => body.rooms.map(({ name }) => name);

test("rooms are listed in orders, by page and by what is looked for", async () => {
  expect((await a.alice.call("GET", "/_synapse/admin/v1/rooms")).status).toBe(403);
  const bob = await a.server.client("bob");
  const first = await a.alice.createRoom({ name: "Apples", preset: "public_chat", visibility: "public", room_alias_name: "orchard" });
  await a.alice.createRoom({ name: "Berries", creation_content: { "m.federate": false } });
  await a.alice.createRoom({ name: "Cherries 100%" });
  await bob.post(`/join/${enc(first)}`);
  expect(names(await list(""))).toEqual(["Apples", "Berries", "Cherries 100%"]);
  expect(names(await list("dir=b"))).toEqual(["Cherries 100%", "Berries", "Apples"]);
  expect(names(await list("order_by=joined_members&limit=1"))).toEqual(["Apples"]);
  expect(names(await list("order_by=state_events&limit=1"))).toEqual(["Apples"]);
  expect(names(await list("order_by=federatable&limit=1"))).toEqual(["Berries"]);
  const counts = (await list("order_by=state_events&dir=b")).rooms.map((room: { state_events: number }) => room.state_events);
  expect(counts).toEqual(counts.toSorted((one: number, other: number) => one - other));
  expect(await list("limit=1&from=1")).toMatchObject({ offset: 1, total_rooms: 3, next_batch: 2, prev_batch: 0 });
  expect(names(await list("search_term=100%25"))).toEqual(["Cherries 100%"]);
  expect(names(await list("search_term=orch"))).toEqual(["Apples"]);
  expect(names(await list(`search_term=${enc(first)}`))).toEqual(["Apples"]);
  expect(names(await list("public_rooms=true"))).toEqual(["Apples"]);
  expect((await list("empty_rooms=true")).total_rooms).toBe(0);
  expect((await list("search_term=berries")).rooms[0]).toMatchObject({
    federatable: false,
    creator: a.alice.userId,
    public: false,
    join_rules: "invite",
    joined_local_members: 1,
    room_type: null,
  });
  expect((await a.manage("GET", "/v1/rooms?order_by=beauty")).body.errcode).toBe("M_INVALID_PARAM");
});

test("one room: what it shows, who is in it, its state", async () => {
  const roomId = await a.alice.createRoom({ name: "One", topic: "of many" });
  const path = `/v1/rooms/${enc(roomId)}`;
  expect((await a.manage("GET", path)).body).toMatchObject({
    room_id: roomId,
    name: "One",
    topic: "of many",
    joined_local_devices: 1,
    forgotten: false,
    tombstoned: false,
    replacement_room: null,
  });
  expect((await a.manage("GET", `${path}/members`)).body).toEqual({ members: [a.alice.userId], total: 1 });
  const { state } = (await a.manage("GET", `${path}/state?type=m.room.name`)).body;
  expect(state).toMatchObject([{ type: "m.room.name", content: { name: "One" }, sender: a.alice.userId }]);
  expect((await a.manage("GET", `${path}/state`)).body.state.length).toBeGreaterThan(5);
  await a.alice.post(`/rooms/${enc(roomId)}/leave`);
  await a.alice.post(`/rooms/${enc(roomId)}/forget`);
  expect((await a.manage("GET", path)).body).toMatchObject({ forgotten: true, joined_members: 0 });
  expect((await a.manage("GET", `/v1/rooms/${enc("!no:where")}`)).body.errcode).toBe("M_NOT_FOUND");
});
