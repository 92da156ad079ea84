import { eventually } from "../../builders/eventually";
import { createRoomsServer } from "./harness";
import type { RoomsServer } from "./harness";

let server: RoomsServer;

beforeAll(async () => {
  server = await createRoomsServer();
});
afterAll(() => server.close());

/** Takes all the turns there are until the given function is called. */
function holdTurns(): () => void {
  let end = (): void => undefined;
  const held = new Promise<void>((resolve) => (end = resolve));
  for (let i = 0; i < 4; i++) void server.app.largeSyncs.run(() => held);
  return end;
}

test("first syncs with many rooms wait for their turn, and nobody waits for them", async () => {
  const alice = await server.client("alice");
  const bob = await server.client("bob");
  const rooms = await Promise.all(Array.from({ length: 21 }, () => alice.createRoom()));
  const only = await bob.createRoom();
  const { next_batch: since } = await alice.get("/sync?timeout=0");
  const release = holdTurns();
  const waiting = alice.get("/sync?timeout=0&set_presence=offline");
  await eventually(() => Promise.resolve(server.app.largeSyncs.waiting() === 1));
  expect(Object.keys((await bob.get("/sync?timeout=0")).rooms.join)).toEqual([only]);
  await alice.text(rooms[0] ?? "", "hello");
  expect(Object.keys((await alice.get(`/sync?timeout=0&since=${since}`)).rooms.join)).toEqual([rooms[0]]);
  expect(server.app.largeSyncs.waiting()).toBe(1);
  release();
  // As of when it was put together, not of when it was asked for.
  const { join } = (await waiting).rooms;
  expect(Object.keys(join).sort()).toEqual([...rooms].sort());
  expect(join[rooms[0] ?? ""].timeline.events.at(-1).content.body).toBe("hello");
});
