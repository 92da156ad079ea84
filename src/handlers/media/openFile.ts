import { closeSync, fstatSync, open, read } from "node:fs";
import { promisify } from "node:util";
import type { ByteSource } from "../../lib/byteSource";

export interface OpenFile {
  readonly size: number;
  /** Bytes from start to end, both included. Closes the file when it ends or is destroyed. */
  read(range?: { readonly start: number; readonly end: number }): ByteSource;
  close(): void;
}

const openAsync = promisify(open);
/** Each read leaves the thread. Few files at once may take the larger size, since their readers may be slow. */
const READ_SIZES = [
  { size: 1024 * 1024, most: 8 },
  { size: 256 * 1024, most: Infinity },
];
const MAX_SPARE = 8;
/** Large chunks are read into the same memory again and again: new memory for each would be most of what a download costs. */
const memory = READ_SIZES.map((rule) => ({ ...rule, taken: 0, spare: [] as Buffer[] }));

/**
 * Opening and reading may wait for a disk and so leave the thread. What is asked of an open file is known by then, and asking elsewhere costs
 * more than the answer.
 */
export async function openFile(path: string): Promise<OpenFile> {
  const descriptor = await openAsync(path, "r");
  let closed = false;
  const close = (): void => {
    if (!closed) closeSync(descriptor);
    closed = true;
  };
  try {
    const { size } = fstatSync(descriptor);
    return {
      size,
      close,
      read: ({ start, end } = { start: 0, end: size - 1 }) => ({
        [Symbol.asyncIterator]: () => chunks(descriptor, { start, end, close }),
        destroy: close,
      }),
    };
  } catch (error) {
    close();
    throw error;
  }
}

interface Part {
  readonly start: number;
  readonly end: number;
  readonly close: () => void;
}

async function* chunks(descriptor: number, { start, end, close }: Part): AsyncGenerator<Uint8Array> {
  const length = Math.max(0, end - start + 1);
  const kind = memory.find(({ size, most, taken }) => length >= size && taken < most);
  const buffer = kind ? (kind.spare.pop() ?? Buffer.allocUnsafeSlow(kind.size)) : Buffer.allocUnsafe(length);
  if (kind) kind.taken++;
  try {
    for (let at = start; at <= end;) {
      const bytes = await readAt(descriptor, buffer.subarray(0, end - at + 1), at);
      if (bytes === 0) throw new Error("the file became shorter while it was read");
      at += bytes;
      yield buffer.subarray(0, bytes);
    }
    // Not where the reader left: it may still be on its way then.
    if (kind && kind.spare.length < MAX_SPARE) kind.spare.push(buffer);
  } finally {
    if (kind) kind.taken--;
    close();
  }
}

function readAt(descriptor: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    read(descriptor, buffer, 0, buffer.length, position, (error, bytes) => (error ? reject(error) : resolve(bytes))),
  );
}
