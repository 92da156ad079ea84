import { setTimeout as pause } from "node:timers/promises";
import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { lockStream } from "../../../src/storage/streamIds";
import { eventsStream } from "../../../src/streams/events";
import { sendIntent } from "../../../src/writers/intents";
import type { SendOutcome } from "../../../src/writers/intents";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";
import { waitsForLock } from "../../builders/database";
import { eventually } from "../../builders/eventually";

let running: TestApp;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });

beforeAll(async () => {
  running = await createTestApp();
});
afterEach(() => jest.restoreAllMocks());
afterAll(() => running.close());

/** Nothing is stored while `work` is under way. */
async function whileNothingIsStored(work: () => Promise<void>): Promise<void> {
  await running.app.db.tx(async (tx) => {
    await lockStream(tx, eventsStream);
    await work();
  });
}

const isStoring = (): Promise<boolean> => waitsForLock(running.app.db);

interface Line {
  readonly eventId: string;
  readonly depth: number;
  readonly previous: string;
}

/** The messages of a room in the order in which syncs have them, with what each follows. */
async function linesOf(roomId: string): Promise<Line[]> {
  const { db, caches } = running.app;
  const { nid = 0 } = (await caches.rooms.byId(roomId)) ?? {};
  return db<Line>`
    select event_id as "eventId", depth, (json::json #>> '{prev_events}') as previous
    from events where room_nid = ${nid} and type = 'm.room.message' order by stream_ordering`;
}

/** Each follows the one before it and nothing else. */
function expectChain(lines: readonly Line[]): void {
  const wanted = lines.slice(1).map((_, i) => ({ depth: (lines[i]?.depth ?? 0) + 1, previous: JSON.stringify([lines[i]?.eventId]) }));
  expect(lines.slice(1).map(({ depth, previous }) => ({ depth, previous }))).toEqual(wanted);
}

async function newRoom(): Promise<{ roomId: string; say: (body: string) => Promise<SendOutcome | undefined> }> {
  const { app } = running;
  const { roomId } = await createRoom(app, alice, {});
  const writer = app.roomWriter;
  if (!writer) throw new Error("this process writes no events");
  const say = async (body: string): Promise<SendOutcome | undefined> =>
    (await writer.submit([sendIntent({ roomId, sender: alice.userId, type: "m.room.message", content: { body } })]))[0];
  return { roomId, say };
}

test("what an event that could not be built leaves behind is not built on before all is stored that came earlier", async () => {
  const { roomId, say } = await newRoom();
  const { stateKeys } = running.app.caches;
  const real = stateKeys.find.bind(stateKeys);
  const sent: Promise<unknown>[] = [];
  await whileNothingIsStored(async () => {
    sent.push(say("under way"));
    await eventually(isStoring);
    const find = jest.spyOn(stateKeys, "find").mockImplementationOnce(real).mockImplementationOnce(real);
    find.mockRejectedValueOnce(new Error("the database is away"));
    sent.push(say("waits"), say("waits too"));
    await expect(say("fails")).rejects.toThrow("the database is away");
    sent.push(say("comes after"));
    await pause(50);
  });
  await Promise.all(sent);
  const lines = await linesOf(roomId);
  expect(lines).toHaveLength(4);
  expectChain(lines);
});

test("who prepares an event does not take the room back to where it was", async () => {
  const [{ roomId }, busy] = [await newRoom(), await newRoom()];
  // A process that knows nothing of the room yet.
  const other = await createTestApp({}, running.database);
  const { roomWriter: writer, caches } = other.app;
  if (!writer) throw new Error("this process writes no events");
  const intent = sendIntent({ roomId, sender: alice.userId, type: "m.room.message", content: { body: "hello" } });
  const load = caches.stateGroups.load.bind(caches.stateGroups);
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const sent: Promise<unknown>[] = [];
  await whileNothingIsStored(async () => {
    sent.push(writer.submit([{ ...intent, roomId: busy.roomId }]));
    await eventually(isStoring);
    jest.spyOn(caches.stateGroups, "load").mockImplementationOnce(async (id) => {
      const group = await load(id);
      await gate;
      return group;
    });
    const prepared = writer.prepare(intent);
    await pause(20);
    sent.push(writer.submit([intent]));
    await pause(20);
    open();
    await prepared;
    sent.push(writer.submit([intent]));
    await pause(20);
  });
  await Promise.all(sent);
  await other.stop();
  const lines = await linesOf(roomId);
  expect(lines).toHaveLength(2);
  expectChain(lines);
});
