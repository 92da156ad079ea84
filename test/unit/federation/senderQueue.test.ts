import { receiptEdus } from "../../../src/services/federationSender/edus";
import { DestinationQueue } from "../../../src/services/federationSender/queue";
import { SlotPositions } from "../../../src/services/federationSender/slotPositions";

const pdu = (position: number, queuedTs = 0) => ({ position, nid: position, queuedTs });

test("what waits holds the position back, until the database makes up for it", () => {
  const queue = new DestinationQueue("remote.test");
  expect(queue.uncovered()).toBeUndefined();
  for (const position of [5, 8]) queue.addPdu(pdu(position));
  expect(queue.uncovered()).toBe(4);
  queue.notedAfter = 4;
  expect(queue.uncovered()).toBeUndefined();
  queue.notedAfter = 5;
  expect(queue.uncovered()).toBe(4);
});

test("a server that fails has missed all that waited, and what comes then", () => {
  const queue = new DestinationQueue("remote.test");
  for (const position of [5, 8]) queue.addPdu(pdu(position));
  queue.setTyping({ roomId: "!r", userId: "@a", typing: true });
  queue.fail();
  queue.addPdu(pdu(9));
  expect([queue.pdus, queue.missedAfter, queue.skippedTo, queue.uncovered()]).toEqual([[], 4, 9, 4]);
  expect(queue.takeTyping(10)).toEqual([]);
});

test("a server that is left alone misses from the first event on", () => {
  const queue = new DestinationQueue("remote.test");
  queue.retryAt = 100;
  queue.addPdu(pdu(7, 50));
  queue.addPdu(pdu(9, 150));
  expect([queue.pdus, queue.missedAfter, queue.skippedTo]).toEqual([[], 6, 9]);
});

test("a queue is bounded: what is too much is missed, what is queued stays", () => {
  const queue = new DestinationQueue("remote.test");
  for (let position = 1; position <= 5_000; position++) queue.addPdu(pdu(position));
  expect(queue.pdus.length).toBe(2_000);
  expect([queue.missedAfter, queue.skippedTo, queue.uncovered()]).toEqual([2_000, 5_000, 0]);
  for (let n = 0; n < 5_000; n++) queue.setTyping({ roomId: `!r${n}`, userId: "@a", typing: true });
  expect(queue.takeTyping(10_000).length).toBe(1_000);
});

test("what changes before it goes out is told once", () => {
  const queue = new DestinationQueue("remote.test");
  for (const typing of [true, false]) queue.setTyping({ roomId: "!r", userId: "@a", typing });
  expect(queue.takeTyping(10)).toEqual([{ roomId: "!r", userId: "@a", typing: false }]);
});

test("receipts of several threads of a user take several EDUs", () => {
  const receipt = (roomId: string, threadId: string) => ({
    roomId,
    threadId,
    userId: "@a",
    receiptType: "m.read",
    eventId: "$e",
    data: "{}",
  });
  const edus = receiptEdus([receipt("!one", ""), receipt("!one", "main"), receipt("!two", "")]);
  expect(edus.map(({ text }) => Object.keys(JSON.parse(text).content))).toEqual([["!one", "!two"], ["!one"]]);
});

test("a slot that was gained behind the others draws the reader back, and only it is given what it lacks", () => {
  const slots = new SlotPositions();
  slots.gain(1, 10);
  const page = slots.current();
  slots.gain(2, 4);
  page.moveTo(20);
  expect([slots.of(1), slots.of(2), slots.lowest()]).toEqual([20, 4, 4]);
});
