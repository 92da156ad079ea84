import { createRoomsServer } from "./harness";
import type { RoomsServer } from "./harness";

let server: RoomsServer;

beforeAll(async () => {
  server = await createRoomsServer({ caches: { sync_response_cache_duration: 60_000 } });
});
afterAll(() => server.close());

test("who asks the same again gets the same, and what is new with a later token", async () => {
  const alice = await server.client("alice");
  const bob = await server.client("bob");
  const roomId = await alice.createRoom();
  const first = await alice.get("/sync?timeout=0");
  const eventId = await alice.text(roomId, "hello");
  expect(await alice.get("/sync?timeout=0")).toEqual(first);
  const later = `/sync?timeout=0&since=${first.next_batch}`;
  const second = await alice.get(later);
  expect(second.rooms.join[roomId].timeline.events.map((event: { event_id: string }) => event.event_id)).toEqual([eventId]);
  await alice.text(roomId, "more");
  expect((await alice.get(later)).next_batch).toBe(second.next_batch);
  // Nobody else, and nothing else that was asked for.
  expect((await bob.get("/sync?timeout=0")).rooms?.join).toBeUndefined();
  const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 1 } } }));
  expect((await alice.get(`/sync?timeout=0&filter=${filter}`)).rooms.join[roomId].timeline.events).toHaveLength(1);
  // Until nothing is new any more: presence may be.
  const syncFrom = (token: string): string => `/sync?timeout=0&since=${token}`;
  let [token, next] = ["", String((await alice.get("/sync?timeout=1")).next_batch)];
  while (token !== next) {
    token = next;
    const answer = await alice.get(syncFrom(token));
    expect(answer.rooms?.join).toBeUndefined();
    next = answer.next_batch;
  }
  await alice.text(roomId, "at last");
  expect((await alice.get(syncFrom(token))).rooms.join[roomId].timeline.events).toHaveLength(1);
});
