import { eventually } from "../../builders/eventually";
import { createHub } from "../../builders/hub";
import { receiptTable, testProcess, typingStream } from "../../builders/replication";

const LONG = 20_000;
const row = (n: number) => ({ roomId: `!r${n}`, userId: "@u" });

test("one process: caches first, then subscribers, then the position, then those who wait", async () => {
  const table = receiptTable();
  const seen: string[] = [];
  const caches = new Set(["!r1"]);
  const { streams, notifier } = testProcess({ defs: [table.stream], caches });
  table.insert(row(0));
  await streams.start();
  expect(streams.positions()).toEqual({ receipts: 1 });
  streams.subscribe(table.stream, (rows, position) => {
    seen.push(`subscriber ${rows.map(({ id }) => id).join()} ${position} ${streams.position(table.stream)} ${caches.size}`);
  });
  const waited = streams.waitFor({ receipts: 2 }, LONG).then((ok) => seen.push(`position ${ok}`));
  const woken = notifier
    .listener("@u", ["!r1"])
    .wait(LONG)
    .then(() => seen.push(`woken ${streams.position(table.stream)}`));
  streams.publish(table.stream, table.insert(row(1)));
  await Promise.all([waited, woken]);
  expect(seen).toEqual(["subscriber 2 2 1 0", "position true", "woken 2"]);
});

test("two commits that are published in the wrong order are applied in the right one, without the database", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream], graceMs: 10_000 });
  await streams.start();
  const ids: number[] = [];
  streams.subscribe(table.stream, (rows) => ids.push(...rows.map(({ id }) => id)));
  const [first, second] = [table.insert(row(1)), table.insert(row(2), row(3))];
  streams.publish(table.stream, second);
  expect(streams.position(table.stream)).toBe(0);
  streams.publish(table.stream, first);
  expect(ids).toEqual([1, 2, 3]);
  expect(table.reads).toEqual([]);
});

test("a commit that is never published is found, and nothing is applied twice", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream] });
  await streams.start();
  const ids: number[] = [];
  streams.subscribe(table.stream, (rows) => ids.push(...rows.map(({ id }) => id)));
  const lost = table.insert(row(1));
  streams.publish(table.stream, table.insert(row(2)));
  expect(await streams.waitFor({ receipts: 2 }, LONG)).toBe(true);
  streams.publish(table.stream, lost);
  expect(ids).toEqual([1, 2]);
});

test("a failing database is asked again", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream] });
  await streams.start();
  table.failNextReads(3);
  table.insert(row(1));
  streams.publish(table.stream, table.insert(row(2)));
  expect(await streams.waitFor({ receipts: 2 }, LONG)).toBe(true);
  expect(table.reads.length).toBe(4);
});

test("a subscriber that throws hurts nobody", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream] });
  await streams.start();
  const seen: number[] = [];
  streams.subscribe(table.stream, () => {
    throw new Error("mistake");
  });
  streams.subscribe(table.stream, (rows) => seen.push(rows.length));
  streams.publish(table.stream, table.insert(row(1), row(2)));
  expect(seen).toEqual([2]);
  expect(streams.position(table.stream)).toBe(2);
});

test("waiting ends in time, when aborted, and at once for streams that are not followed", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream, typingStream], follows: new Set(["receipts"]) });
  await streams.start();
  expect(await streams.waitFor({ receipts: 9 }, 5)).toBe(false);
  expect(await streams.waitFor({ receipts: 9 }, LONG, AbortSignal.abort())).toBe(false);
  expect(await streams.waitFor({ typing: 9, unheardOf: 4 }, LONG)).toBe(true);
  expect(streams.position(typingStream)).toBe(0);
});

test("a position far ahead of the database, as a client may claim, is not believed", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream] });
  await streams.start();
  table.insert(row(1));
  expect(await streams.waitFor({ receipts: 1_000_000 }, 200)).toBe(false);
  expect(streams.position(table.stream)).toBe(1);
});

test("long gaps are read in pages", async () => {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream] });
  await streams.start();
  table.insert(...Array.from({ length: 4_500 }, (_, i) => row(i)));
  expect(await streams.waitFor({ receipts: 4_500 }, LONG)).toBe(true);
  expect(table.reads).toEqual([
    [0, 2000],
    [2000, 4000],
    [4000, 4500],
  ]);
});

describe("two processes", () => {
  async function pair() {
    const hub = createHub();
    const table = receiptTable();
    const w1 = testProcess({ defs: [table.stream], bus: hub.endpoint(), instance: "w1" });
    const w2 = testProcess({ defs: [table.stream], bus: hub.endpoint(), instance: "w2" });
    await Promise.all([w1.streams.start(), w2.streams.start()]);
    return { hub, table, w1: w1.streams, w2: w2.streams, stop: () => [w1, w2].forEach(({ streams }) => streams.stop()) };
  }

  test("a row reaches the other one without its asking the database", async () => {
    const { table, w1, w2, stop } = await pair();
    const got: unknown[] = [];
    w2.subscribe(table.stream, (rows) => got.push(...rows));
    w1.publish(table.stream, table.insert(row(1), row(2)));
    expect(await w2.waitFor({ receipts: 2 }, LONG)).toBe(true);
    expect(got).toEqual([
      { id: 1, row: row(1) },
      { id: 2, row: row(2) },
    ]);
    expect(table.reads).toEqual([]);
    stop();
  });

  test("rows that nobody there wants stay text", async () => {
    const { table, hub, w2, stop } = await pair();
    const plain = {
      ...table.stream,
      invalidates: undefined,
      row: {
        ...table.stream.row,
        decode: () => {
          throw new Error("decoded");
        },
      },
    };
    const w3 = testProcess({ defs: [plain], bus: hub.endpoint(), instance: "w3" }).streams;
    await w3.start();
    w2.publish(table.stream, table.insert(row(1)));
    expect(await w3.waitFor({ receipts: 1 }, LONG)).toBe(true);
    expect(table.reads).toEqual([]);
    w3.stop();
    stop();
  });

  test("a lost message is noticed at the next one", async () => {
    const { hub, table, w1, w2, stop } = await pair();
    hub.loseMessages(() => w1.publish(table.stream, table.insert(row(1))));
    w1.publish(table.stream, table.insert(row(2)));
    expect(await w2.waitFor({ receipts: 2 }, LONG)).toBe(true);
    expect(table.reads[0]?.[0]).toBe(0);
    stop();
  });

  test("a lost last message is noticed because writers repeat where they stand", async () => {
    const { hub, table, w1, w2, stop } = await pair();
    hub.loseMessages(() => w1.publish(table.stream, table.insert(row(1))));
    await eventually(() => w2.position(table.stream) === 1);
    stop();
  });

  test("while the bus is away the database is asked, and both go on when it is back", async () => {
    const { hub, table, w1, w2, stop } = await pair();
    hub.disconnect();
    w1.publish(table.stream, table.insert(row(1)));
    await eventually(() => w2.position(table.stream) === 1);
    hub.reconnect();
    w1.publish(table.stream, table.insert(row(2)));
    await eventually(() => w2.position(table.stream) === 2);
    stop();
  });

  test("messages that come before the start position is known are kept", async () => {
    const hub = createHub();
    const table = receiptTable();
    table.insert(row(1), row(2));
    const w1 = testProcess({ defs: [table.stream], bus: hub.endpoint(), instance: "w1" }).streams;
    await w1.start();
    let answer: (head: number) => void = () => undefined;
    const slow = { ...table.stream, head: () => new Promise<number>((resolve) => (answer = resolve)) };
    const w2 = testProcess({ defs: [slow], bus: hub.endpoint(), instance: "w2" }).streams;
    const got: number[] = [];
    w2.subscribe(slow, (rows) => got.push(...rows.map(({ id }) => id)));
    const started = w2.start();
    w1.publish(table.stream, table.insert(row(3)));
    await new Promise((resolve) => setTimeout(resolve, 30));
    answer(2);
    await started;
    await eventually(() => w2.position(slow) === 3);
    expect(got).toEqual([3]);
    expect(table.reads).toEqual([]);
    w1.stop();
    w2.stop();
  });

  test("what was missed while the bus connected and the start position was being read is found", async () => {
    const hub = createHub();
    const table = receiptTable();
    let answer: (head: number) => void = () => undefined;
    const first = new Promise<number>((resolve) => (answer = resolve));
    let asked = 0;
    const slow = { ...table.stream, head: async () => (asked++ === 0 ? first : table.rows.length) };
    hub.disconnect();
    const { streams } = testProcess({ defs: [slow], bus: hub.endpoint(), instance: "w1", pollMs: 1_000_000 });
    const started = streams.start();
    table.insert(row(1));
    hub.reconnect();
    answer(0);
    await started;
    await eventually(() => streams.position(slow) === 1);
    streams.stop();
  });

  test("a message that makes no sense is survived", async () => {
    const { hub, table, w1, w2, stop } = await pair();
    const other = hub.endpoint();
    other.publish("test/receipts", "nonsense");
    w1.publish(table.stream, table.insert(row(1)));
    expect(await w2.waitFor({ receipts: 1 }, LONG)).toBe(true);
    stop();
  });
});
