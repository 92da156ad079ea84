import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBufferPool } from "../../../src/lib/bufferPool";
import { readerOf } from "../../../src/lib/byteReader";
import { inFolder } from "../../../src/handlers/media/createFile";
import { createFolders } from "../../../src/handlers/media/folders";
import { createMediaIds } from "../../../src/handlers/media/mediaIds";
import { receiveFile } from "../../../src/handlers/media/receiveFile";
import { systemRandom } from "../../../src/lib/random";

const SIZE = 5 * 65_536;
let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "synapse-ts-receive-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

const makeFolder = async (path: string): Promise<void> => void (await mkdir(path, { recursive: true }));
const buffers = createBufferPool({ size: SIZE, small: 1000, most: 2 });
const receive = (bytes: Buffer, chunk: number, length?: number) =>
  receiveFile(readerOf(inChunks(bytes, chunk)), { path: join(directory, "in", "new"), maxBytes: 10 * SIZE, length, makeFolder, buffers });

test.each([0, 1, 999, 1000, 1001, 4096, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 2 * SIZE + 4096, 3 * SIZE + 5000])(
  "%i bytes arrive as they are",
  async (length) => {
    const bytes = randomBytes(length);
    for (const announced of [undefined, length]) {
      for (const put of ["moveTo", "writeTo"] as const) {
        const file = await receive(bytes, 10_007, announced);
        expect([file.length, file.sha256]).toEqual([length, createHash("sha256").update(bytes).digest("hex")]);
        const target = join(directory, put, String(announced));
        await file[put](target);
        await file.discard();
        expect(readFileSync(target).equals(bytes)).toBe(true);
      }
      expect(readdirSync(join(directory, "in"))).toEqual([]);
    }
  },
);

test("what lies there is replaced by moving, and stays where something new is to be written", async () => {
  const target = join(directory, "there");
  writeFileSync(target, "of another");
  const [bytes, file] = [Buffer.from("ours"), await receive(Buffer.from("ours"), 2)];
  await expect(file.writeTo(target)).rejects.toMatchObject({ code: "EEXIST" });
  expect(readFileSync(target, "utf8")).toBe("of another");
  await file.moveTo(target);
  await file.discard();
  expect(readFileSync(target).equals(bytes)).toBe(true);
});

test("those for whom no buffer is left get by with less", async () => {
  const taken = [buffers.take(), buffers.take()];
  expect(buffers.take().length).toBe(1000);
  const bytes = randomBytes(SIZE);
  const file = await receive(bytes, 64);
  expect(readFileSync(await file.onDisk()).equals(bytes)).toBe(true);
  await file.discard();
  for (const buffer of taken) buffers.give(buffer);
  expect(buffers.take().length).toBe(SIZE);
});

test.each([500, SIZE, 4 * SIZE])("a body that ends in a failure after %i bytes leaves nothing behind", async (length) => {
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield* inChunks(randomBytes(length), 10_000);
    throw new Error("gone");
  };
  const options = { path: join(directory, "new"), maxBytes: 10 * SIZE, makeFolder, buffers };
  await expect(receiveFile(readerOf(failing()), options)).rejects.toThrow("gone");
  await expect(receiveFile(readerOf(inChunks(randomBytes(length), 1000)), { ...options, maxBytes: length - 1 })).rejects.toMatchObject({
    status: 413,
  });
  expect(readdirSync(directory)).toEqual([]);
});

test("folders are made and synced, by many at once", async () => {
  const folders = createFolders();
  const target = join(directory, "a", "b", "c");
  const found = await Promise.all(
    Array.from({ length: 5 }, () => inFolder(join(target, "file"), () => Promise.resolve(readdirSync(target)), folders.make)),
  );
  expect(found).toEqual(Array(5).fill([]));
  await Promise.all(Array.from({ length: 5 }, () => folders.sync(target)));
  await expect(folders.sync(join(directory, "missing"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("ids that follow one another share a folder for a while", () => {
  const next = createMediaIds(systemRandom);
  const ids = Array.from({ length: 501 }, next);
  expect(new Set(ids).size).toBe(501);
  expect(new Set(ids.map((id) => id.length))).toEqual(new Set([24]));
  expect(new Set(ids.slice(0, 500).map((id) => id.slice(0, 4))).size).toBe(1);
});
