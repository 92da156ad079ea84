import { getConsumerPosition, saveConsumerPosition } from "../../../src/storage/streamConsumers";
import { asStreamRows, lockStream, nextIds, streamHead } from "../../../src/storage/streamIds";
import { createTestDatabase, waitsForLock } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";

let database: TestDatabase;
const stream = { lockKey: 91624422670736, sequence: "receipts_stream_seq" };
beforeAll(async () => void (database = await createTestDatabase()));
afterAll(() => database.drop());

test("ids are consecutive and ascending; none for nothing", async () => {
  const { db } = database;
  const ids = await db.tx((tx) => nextIds(tx, stream, 5));
  const first = ids[0] ?? 0;
  expect(ids).toEqual([0, 1, 2, 3, 4].map((n) => first + n));
  expect(await db.tx((tx) => nextIds(tx, stream, 0))).toEqual([]);
  await expect(nextIds(db, { lockKey: 1 }, 1)).rejects.toThrow(/in memory/);
});

test("a transaction that took ids ends before another one gets higher ones", async () => {
  const { db } = database;
  const order: string[] = [];
  let finish: () => void = () => undefined;
  let taken = false;
  const first = db.tx(async (tx) => {
    const [id] = await nextIds(tx, stream, 1);
    taken = true;
    await new Promise<void>((resolve) => (finish = resolve));
    order.push("first");
    return id ?? 0;
  });
  await eventually(() => taken);
  const second = db.tx(async (tx) => {
    await lockStream(tx, stream);
    order.push("second");
    return (await nextIds(tx, stream, 1))[0] ?? 0;
  });
  await eventually(() => waitsForLock(db));
  finish();
  expect(await second).toBe((await first) + 1);
  expect(order).toEqual(["first", "second"]);
});

test("the head waits for ids that are not committed yet, and survives the deletion of rows", async () => {
  const { db } = database;
  const before = await streamHead(db, stream);
  let finish: () => void = () => undefined;
  let taken: number | undefined;
  const writing = db.tx(async (tx) => {
    taken = (await nextIds(tx, stream, 3)).at(-1);
    await new Promise<void>((resolve) => (finish = resolve));
  });
  await eventually(() => taken !== undefined);
  let head: number | undefined;
  const asking = streamHead(db, stream).then((answer) => (head = answer));
  await eventually(() => waitsForLock(db));
  expect(head).toBeUndefined();
  finish();
  await Promise.all([writing, asking]);
  expect(head).toBe(before + 3);
});

test("the head of a stream that never had anything is 0", async () => {
  expect(await streamHead(database.db, { lockKey: 5, sequence: "lease_epochs_seq" })).toBe(0);
});

test("rows of a query become rows of a stream", () => {
  expect(asStreamRows([{ id: 4, roomId: "!r" }])).toEqual([{ id: 4, row: { id: 4, roomId: "!r" } }]);
});

test("positions of consumers only grow", async () => {
  const { db } = database;
  expect(await getConsumerPosition(db, "federation_sender1", "events")).toBeUndefined();
  await saveConsumerPosition(db, "federation_sender1", "events", 5);
  await saveConsumerPosition(db, "federation_sender1", "events", 3);
  await saveConsumerPosition(db, "federation_sender1", "receipts", 7);
  expect(await getConsumerPosition(db, "federation_sender1", "events")).toBe(5);
});
