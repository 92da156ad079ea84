import { createHash } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { MatrixError, tooLarge } from "../../errors";
import type { BufferPool } from "../../lib/bufferPool";
import type { ByteReader } from "../../lib/byteReader";
import { createFile } from "./createFile";
import type { NewFile } from "./createFile";

/** A file that was received whole and has no place yet. */
export interface ReceivedFile {
  readonly length: number;
  /** In hex. */
  readonly sha256: string;
  /** Its path. A small one is written only then; its bytes are on disk for good. Throws 503 when the disk is full. */
  onDisk(): Promise<string>;
  /** Within the file system. */
  moveTo(path: string): Promise<void>;
  /** Removes it, unless it was moved. To be called in any case. */
  discard(): Promise<void>;
}

export interface Receiving {
  /** Where it is written. */
  readonly path: string;
  readonly maxBytes: number;
  /** As announced. */
  readonly length?: number | undefined;
  readonly buffers: BufferPool;
}

/** Keeps in memory what fits into one buffer, and writes all else while it comes. Throws 413 M_TOO_LARGE; whatever fails leaves no file behind. */
export async function receiveFile(body: ByteReader, { path, maxBytes, length, buffers }: Receiving): Promise<ReceivedFile> {
  // Room for one more than is announced shows that no more comes.
  const buffer = buffers.take(length === undefined ? undefined : Math.min(length, maxBytes) + 1);
  let keep = false;
  try {
    const bytes = await body.read(buffer);
    if (bytes > maxBytes) throw largerThanAllowed();
    keep = bytes < buffer.length;
    if (keep) return holdFile(path, buffer.subarray(0, bytes), () => buffers.give(buffer));
    return await writeWhole(body, { path, maxBytes, buffer });
  } finally {
    if (!keep) buffers.give(buffer);
  }
}

const largerThanAllowed = (): MatrixError => tooLarge("Upload request body is too large");

/** A file whose bytes are at hand. Calls `release` once it does not need them any more. */
export function holdFile(path: string, bytes: Buffer, release: () => void): ReceivedFile {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return placeable({ length: bytes.length, sha256, release, write: () => create(path, "synced", (file) => file.write(bytes)) });
}

/** `buffer` is full of the first bytes. */
async function writeWhole(body: ByteReader, { path, maxBytes, buffer }: { path: string; maxBytes: number; buffer: Buffer }) {
  const hash = createHash("sha256");
  let length = 0;
  await create(path, "plain", async (file) => {
    for (let bytes = buffer.length; bytes > 0; bytes = await body.read(buffer)) {
      length += bytes;
      if (length > maxBytes) throw largerThanAllowed();
      const chunk = buffer.subarray(0, bytes);
      hash.update(chunk);
      await file.write(chunk);
      if (bytes < buffer.length) break;
    }
    await file.sync();
  });
  const file = placeable({ length, sha256: hash.digest("hex"), release: () => undefined, write: () => Promise.resolve(path) });
  await file.onDisk();
  return file;
}

interface Unplaced extends Pick<ReceivedFile, "length" | "sha256"> {
  release(): void;
  write(): Promise<string>;
}

function placeable({ length, sha256, release, write }: Unplaced): ReceivedFile {
  let written: Promise<string> | undefined;
  const onDisk = (): Promise<string> => (written ??= write());
  return {
    length,
    sha256,
    onDisk,
    async moveTo(path) {
      await rename(await onDisk(), path);
      written = undefined;
    },
    async discard() {
      const path = await written?.catch(() => undefined);
      release();
      if (path !== undefined) await rm(path, { force: true });
    },
  };
}

const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

async function create(path: string, mode: "plain" | "synced", write: (file: NewFile) => Promise<void>): Promise<string> {
  try {
    const file = createFile(path, mode);
    try {
      await write(file);
    } finally {
      file.close();
    }
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw isFull(error) ? new MatrixError(503, "M_UNKNOWN", "The media store of this server is full") : error;
  }
}
