import { createEventReader } from "../../../src/caches/events";
import type { RoomDirectory } from "../../../src/caches/rooms";
import { tellStored } from "../../../src/caches/toldEvent";
import { roomVersion } from "../../../src/rooms/versions";
import type { Db } from "../../../src/storage/db";
import type { EventRow, EventStreamRow } from "../../../src/storage/events";
import { eventsStream } from "../../../src/streams/events";

const version = roomVersion("11");
if (!version) throw new Error("no such version");
const room = { nid: 7, roomId: "!r:x", version, creator: "@a:x" };

function stored(text = "hello"): EventRow {
  const pdu = { type: "m.room.message", room_id: room.roomId, sender: "@a:x", content: { body: text, msgtype: "m.text" } };
  return {
    ...{ nid: 5, streamOrdering: 9, roomNid: room.nid, eventId: "$e", type: pdu.type, stateKey: null, sender: pdu.sender, depth: 3 },
    ...{ originServerTs: 1, receivedTs: 2, json: JSON.stringify(pdu), stateGroup: 4, replacesNid: null, redacts: null, redactedBy: null },
    ...{ rejected: null, softFailed: false, txnDevice: "D", txnId: "t1" },
  };
}

/** The row of the stream as another process hears it. */
function heard(row: EventRow): EventStreamRow {
  const { nid, roomNid, eventId, type, stateKey, sender, redacts } = row;
  const facts = { keyNid: null, prevNid: null, membership: null, prevMembership: null, displayName: null, resets: false };
  const relation = { relatesTo: null, relType: null, push: null };
  const told = { nid, roomNid, roomId: room.roomId, eventId, type, stateKey, sender, redacts, ...facts, ...relation };
  const wire = JSON.stringify(eventsStream.row.encode({ ...told, stored: tellStored(row) }));
  return eventsStream.row.decode(JSON.parse(wire) as unknown[]);
}

/** A reader without a database to read. */
function reader(isRoomKnown = true) {
  const asked: string[] = [];
  const db = ((parts: TemplateStringsArray) => {
    asked.push(parts.join("?"));
    return Promise.resolve([]);
  }) as unknown as Db;
  const rooms = {
    cachedByNid: (nid: number) => (isRoomKnown && nid === room.nid ? room : undefined),
    byNids: () => Promise.resolve(new Map()),
  } as Partial<RoomDirectory> as RoomDirectory;
  return { asked, events: createEventReader(db, rooms, { bytes: 1_000_000, ids: 1_000 }) };
}

test("an event that the stream told of is as if it had been read, and is not read", async () => {
  const { asked, events } = reader();
  events.tell(9, heard(stored()));
  const event = (await events.byNids([5])).get(5);
  expect(event?.row).toEqual(stored());
  expect(event?.content).toEqual({ body: "hello", msgtype: "m.text" });
  expect(await events.byId("$e")).toBe(event);
  expect(asked).toEqual([]);
});

test.each([
  ["whose room nobody here has asked for", reader(false), heard(stored())],
  ["that is long", reader(), heard(stored("x".repeat(10_000)))],
  ["that was read behind the bus", reader(), { ...heard(stored()), stored: null }],
] as const)("an event %s is read when it is asked for", async (_, { asked, events }, row) => {
  events.tell(9, row);
  await events.byNids([5]);
  expect(asked).toHaveLength(1);
});

test("an event that was changed since is read, however late the stream tells of it", async () => {
  const { asked, events } = reader();
  events.drop("$e");
  events.tell(9, heard(stored()));
  asked.length = 0;
  await events.byNids([5]);
  expect(asked).toHaveLength(1);
});

test("what is in memory stays", async () => {
  const { events } = reader();
  events.tell(9, heard(stored()));
  const before = events.cached(5);
  events.tell(9, heard(stored()));
  expect(events.cached(5)).toBe(before);
});
