import { decodeDigest, digestSection } from "../../../src/replication/digest";
import { PacedBus } from "../../../src/replication/pacedBus";
import { createHub } from "../../builders/hub";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function setup() {
  const hub = createHub();
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const onError = (error: unknown): never => {
    throw error;
  };
  const create = () => new PacedBus({ bus: hub.endpoint(), channel: "digests", prompt: new Set(["c"]), clock, onError });
  const [writer, reader] = [create(), create()];
  const heard: string[] = [];
  reader.subscribe("a", (text) => void heard.push(`a ${text}`));
  reader.subscribe("b", (text) => void heard.push(`b ${text}`));
  const digests = (): number => hub.sent.filter(({ channel }) => channel === "digests").length;
  return { hub, writer, reader, heard, digests };
}

test("who is quick hears each message at once", async () => {
  const { writer, heard } = setup();
  writer.publish("a", "1");
  writer.publish("b", "2");
  writer.publish("c", "nobody listens");
  await jest.advanceTimersByTimeAsync(1);
  expect(heard).toEqual(["a 1", "b 2"]);
});

test("who is slack hears the same messages in order, the first at once and the others together", async () => {
  const { writer, reader, heard, digests } = setup();
  reader.slacken();
  await jest.advanceTimersByTimeAsync(2_000);
  writer.publish("a", "first");
  await jest.advanceTimersByTimeAsync(2);
  expect(heard).toEqual(["a first"]);
  for (let i = 0; i < 30; i++) writer.publish(i % 2 === 0 ? "a" : "b", `"${i}"\n`);
  await jest.advanceTimersByTimeAsync(200);
  expect(heard.slice(1)).toEqual(Array.from({ length: 30 }, (_, i) => `${i % 2 === 0 ? "a" : "b"} "${i}"\n`));
  expect(digests()).toBe(2);
});

test("what others have to know first is heard by who is slack at once, with all before it", async () => {
  const { writer, reader, heard } = setup();
  reader.subscribe("c", (text) => void heard.push(`c ${text}`));
  reader.slacken();
  await jest.advanceTimersByTimeAsync(2_000);
  writer.publish("a", "first");
  await jest.advanceTimersByTimeAsync(1);
  writer.publish("a", "second");
  writer.publish("c", "third");
  await jest.advanceTimersByTimeAsync(1);
  expect(heard).toEqual(["a first", "a second", "c third"]);
});

test("nothing is missed while the pace changes", async () => {
  const { writer, reader, heard } = setup();
  const sent: string[] = [];
  for (let i = 0; i < 200; i++) {
    if (i % 40 === 10) reader.slacken();
    if (i % 40 === 30) void reader.quicken();
    writer.publish("a", String(i));
    sent.push(`a ${i}`);
    await jest.advanceTimersByTimeAsync(70);
  }
  await jest.advanceTimersByTimeAsync(2_000);
  expect([...new Set(heard)].sort()).toEqual(sent.sort());
});

test("who stops listening hears no more, whatever the pace", async () => {
  const { writer, reader, heard } = setup();
  const stop = reader.subscribe("c", (text) => void heard.push(`c ${text}`));
  reader.slacken();
  stop();
  writer.publish("c", "1");
  await jest.advanceTimersByTimeAsync(2_000);
  expect(heard).toEqual([]);
  void reader.quicken();
  await reader.close();
  writer.publish("a", "2");
  await jest.advanceTimersByTimeAsync(2_000);
  expect(heard).toEqual([]);
});

test("what waits is sent at the end", async () => {
  const { writer, reader, heard } = setup();
  reader.slacken();
  await jest.advanceTimersByTimeAsync(2_000);
  writer.publish("a", "1");
  await writer.close();
  await jest.advanceTimersByTimeAsync(1);
  expect(heard).toEqual(["a 1"]);
});

test.each(["", "x", "1 2", "3 9 abc", "-5 -5 abc", "1 1 ab1", `${digestSection("a", "b")}rest`])(
  "%j is no digest, or not all of it",
  (text) => {
    expect([...decodeDigest(text)]).toEqual(text.startsWith("1 1 ab") ? [["a", "b"]] : []);
  },
);
