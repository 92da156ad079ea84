import { eventually } from "../../builders/eventually";
import { createHub } from "../../builders/hub";
import type { Streams } from "../../../src/replication/streams";
import { testProcess, typingStream } from "../../builders/replication";

const LONG = 20_000;

async function deployment() {
  const hub = createHub();
  let writer: Streams | undefined;
  const start = async (instance: string, writes = (): number | undefined => undefined) => {
    const { streams } = testProcess({ defs: [typingStream], bus: hub.endpoint(), instance, writes }, () => {
      if (!writer) throw new Error("nobody writes");
      return writer;
    });
    const heard: [string, boolean][] = [];
    streams.subscribe(typingStream, (rows, _, { reset }) => {
      if (rows.length === 0) heard.push(["", reset]);
      for (const { row } of rows) heard.push([row.roomId, reset]);
    });
    writer ??= streams;
    await streams.start();
    return { streams, heard };
  };
  return { hub, start, setWriter: (streams: Streams) => (writer = streams) };
}

test("rows reach readers, and lost ones are asked for", async () => {
  const { hub, start } = await deployment();
  const w1 = await start("w1");
  const w2 = await start("w2");
  const first = w1.streams.append(typingStream, [{ roomId: "!a", users: ["@u"] }]);
  expect(await w2.streams.waitFor({ typing: first }, LONG)).toBe(true);
  hub.loseMessages(() => w1.streams.append(typingStream, [{ roomId: "!b", users: [] }]));
  const last = w1.streams.append(typingStream, [{ roomId: "!c", users: [] }]);
  expect(await w2.streams.waitFor({ typing: last }, LONG)).toBe(true);
  expect(w2.heard.filter(([roomId]) => roomId !== "").map(([roomId]) => roomId)).toEqual(["!a", "!b", "!c"]);
  w1.streams.stop();
  w2.streams.stop();
});

test("a reader that starts later gets what still counts", async () => {
  const { start } = await deployment();
  const w1 = await start("w1");
  w1.streams.provide(typingStream, () => [{ roomId: "!now", users: ["@u"] }]);
  const position = w1.streams.append(typingStream, [{ roomId: "!before", users: [] }]);
  const w2 = await start("w2");
  await eventually(() => w2.streams.position(typingStream) === position);
  expect(w2.heard).toEqual([["!now", true]]);
  w1.streams.stop();
  w2.streams.stop();
});

test("another life of the writer is noticed, and its positions go on growing", async () => {
  const { start, setWriter } = await deployment();
  const w1 = await start("w1");
  const w2 = await start("w2");
  const w3 = await start("w3");
  const before = w1.streams.append(typingStream, [{ roomId: "!a", users: ["@u"] }]);
  for (const { streams } of [w2, w3]) await streams.waitFor({ typing: before }, LONG);
  w1.streams.stop();
  setWriter(w3.streams);
  const after = w3.streams.append(typingStream, [{ roomId: "!b", users: ["@v"] }]);
  // w3 goes on in the life it followed only if it still is its writer; here it starts one of its own.
  expect(after).toBeGreaterThan(before);
  await eventually(() => w2.streams.position(typingStream) === after);
  expect(w2.heard.at(-1)?.[1]).toBe(true);
  const next = w3.streams.append(typingStream, [{ roomId: "!c", users: [] }]);
  await eventually(() => w2.streams.position(typingStream) === next);
  expect(w2.heard.at(-1)).toEqual(["!c", false]);
  w2.streams.stop();
  w3.streams.stop();
});

test("who takes a stream over does not wait for what its writer before said last", async () => {
  const { hub, start, setWriter } = await deployment();
  const w1 = await start("w1");
  const w2 = await start("w2");
  const w3 = await start("w3", () => 2);
  const heard = w1.streams.append(typingStream, [{ roomId: "!a", users: [] }]);
  await w2.streams.waitFor({ typing: heard }, LONG);
  let said = 0;
  hub.loseMessages(() => (said = w1.streams.append(typingStream, [{ roomId: "!b", users: [] }])));
  w1.streams.stop();
  setWriter(w3.streams);
  expect(await w3.streams.waitFor({ typing: said }, LONG)).toBe(true);
  expect(await w2.streams.waitFor({ typing: said }, LONG)).toBe(true);
  expect(w2.heard.at(-1)?.[1]).toBe(true);
  w2.streams.stop();
  w3.streams.stop();
});

test("a writer that slept while another one wrote begins a new life, and its positions go on growing", async () => {
  const { hub, start, setWriter } = await deployment();
  let life: number | undefined = 1;
  const w1 = await start("w1", () => life);
  const w2 = await start("w2", () => 2);
  const w3 = await start("w3");
  await w3.streams.waitFor({ typing: w1.streams.append(typingStream, [{ roomId: "!a", users: [] }]) }, LONG);
  setWriter(w2.streams);
  let meanwhile = 0;
  hub.loseMessages(() => {
    for (let i = 0; i < 5; i++) meanwhile = w2.streams.append(typingStream, [{ roomId: "!b", users: [] }]);
    w2.streams.stop();
  });
  expect(await w3.streams.waitFor({ typing: meanwhile }, LONG)).toBe(true);
  life = 3;
  setWriter(w1.streams);
  expect(await w1.streams.waitFor({ typing: meanwhile }, LONG)).toBe(true);
  const after = w1.streams.append(typingStream, [{ roomId: "!c", users: [] }]);
  expect(after).toBeGreaterThan(meanwhile);
  await eventually(() => w3.streams.position(typingStream) === after);
  w1.streams.stop();
  w3.streams.stop();
});

test("a process that is alone writes at once", async () => {
  const { streams } = testProcess({ defs: [typingStream] });
  await streams.start();
  const at = streams.position(typingStream);
  expect(at).toBeGreaterThan(1_600_000_000_000);
  expect(streams.append(typingStream, [{ roomId: "!a", users: [] }])).toBe(at + 1);
  expect(streams.append(typingStream, [])).toBe(at + 1);
  expect(streams.position(typingStream)).toBe(at + 1);
});
