import { createRoomsServer } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;

beforeAll(async () => {
  server = await createRoomsServer();
  alice = await server.client("alice");
});
afterAll(() => server.close());

/** Follows the tokens of one direction from a page on, and gives the ids of the rooms on all pages as they came. */
async function walk(page: Answer["body"], token: "next_batch" | "prev_batch"): Promise<{ pages: string[][]; last: Answer["body"] }> {
  const pages = [page.chunk.map((room: { room_id: string }) => room.room_id)];
  if (page[token] === undefined) return { pages, last: page };
  const rest = await walk(await alice.post("/publicRooms", { limit: 3, since: page[token] }), token);
  return { pages: [...pages, ...rest.pages], last: rest.last };
}

test.each([7, 9])("%s rooms of equal size, a page at a time, and back again", async (count) => {
  for (let have = (await alice.get("/publicRooms")).chunk.length; have < count; have++) await alice.createRoom({ visibility: "public" });
  const all = (await alice.get("/publicRooms")).chunk.map((room: { room_id: string }) => room.room_id);
  const forward = await walk(await alice.post("/publicRooms", { limit: 3 }), "next_batch");
  expect(forward.pages.flat()).toEqual(all);
  expect(forward.last.next_batch).toBeUndefined();
  const backward = await walk(await alice.post("/publicRooms", { limit: 3, since: forward.last.prev_batch }), "prev_batch");
  expect(backward.pages.reverse().flat()).toEqual(forward.pages.slice(0, -1).flat());
  expect(backward.pages.every((page) => page.length === 3)).toBe(true);
  // From the first page one gets forward again.
  const again = await alice.post("/publicRooms", { limit: 3, since: backward.last.next_batch });
  expect(again.chunk.map((room: { room_id: string }) => room.room_id)).toEqual(all.slice(3, 6));
});

test("the larger room comes first, and what was found is counted with those before", async () => {
  const bob = await server.client("bob");
  const roomId = await alice.createRoom({ visibility: "public", preset: "public_chat", name: "Herbarium" });
  await bob.post(`/join/${encodeURIComponent(roomId)}`);
  const first = await alice.get("/publicRooms?limit=1");
  expect(first.chunk[0]).toMatchObject({ room_id: roomId, num_joined_members: 2, name: "Herbarium", join_rule: "public" });
  const found = await alice.post("/publicRooms", { filter: { generic_search_term: "herba" } });
  expect(found.chunk.map((room: { room_id: string }) => room.room_id)).toEqual([roomId]);
  expect(found.next_batch).toBeUndefined();
});

test.each([
  "nonsense",
  "WyJhIiwiYiJd",
  Buffer.from('[1e300,"!a"]').toString("base64url"),
  Buffer.from('[1,"\\u0000"]').toString("base64url"),
])("%s is no token", async (since) => {
  const { status, body } = await alice.call("POST", "/publicRooms", { since });
  expect([status, body.errcode]).toEqual([400, "M_INVALID_PARAM"]);
});
