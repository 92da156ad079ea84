import { createHash, hash } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { MatrixError, tooLarge } from "../../errors";
import type { BufferPool } from "../../lib/bufferPool";
import type { ByteReader } from "../../lib/byteReader";
import { createFile, inFolder } from "./createFile";
import type { Creating, MakeFolder, NewFile } from "./createFile";

/** A file that was received whole and has no place yet. */
export interface ReceivedFile {
  readonly length: number;
  /** In hex. */
  readonly sha256: string;
  /** Its path. A small one is written only then; its bytes are on disk for good. Throws 503 when the disk is full. */
  onDisk(): Promise<string>;
  /** Within the file system. What lies there is replaced as a whole. */
  moveTo(path: string): Promise<void>;
  /** As moveTo, but a small one is written where it belongs at once. Throws where something lies there. */
  writeTo(path: string): Promise<void>;
  /** Removes it, unless it was moved. To be called in any case. */
  discard(): Promise<void>;
}

export interface Receiving {
  /** Where it is written. */
  readonly path: string;
  readonly maxBytes: number;
  /** As announced. */
  readonly length?: number | undefined;
  readonly makeFolder: MakeFolder;
  readonly buffers: BufferPool;
}

/** Keeps in memory what fits into one buffer, and writes all else while it comes. Throws 413 M_TOO_LARGE; whatever fails leaves no file behind. */
export async function receiveFile(body: ByteReader, receiving: Receiving): Promise<ReceivedFile> {
  const { path, maxBytes, length, makeFolder, buffers } = receiving;
  // Room for one more than is announced shows that no more comes.
  const buffer = buffers.take(length === undefined ? undefined : Math.min(length, maxBytes) + 1);
  let keep = false;
  try {
    const bytes = await body.read(buffer);
    if (bytes > maxBytes) throw largerThanAllowed();
    keep = bytes < buffer.length;
    if (keep) return holdFile(buffer.subarray(0, bytes), { path, makeFolder, release: () => buffers.give(buffer) });
    return await writeWhole(body, receiving, buffer);
  } finally {
    if (!keep) buffers.give(buffer);
  }
}

const largerThanAllowed = (): MatrixError => tooLarge("Upload request body is too large");

interface Holding extends Pick<Receiving, "path" | "makeFolder"> {
  /** Called once the bytes are not needed any more. */
  release(): void;
}

/** A file whose bytes are at hand. */
export function holdFile(bytes: Buffer, { path, makeFolder, release }: Holding): ReceivedFile {
  const write = (to: string): Promise<void> => create(to, { mode: "synced", makeFolder }, (file) => file.write(bytes));
  return placeable({ path, length: bytes.length, sha256: hash("sha256", bytes), makeFolder, write, release });
}

/** `buffer` is full of the first bytes. */
async function writeWhole(body: ByteReader, { path, maxBytes, makeFolder }: Receiving, buffer: Buffer): Promise<ReceivedFile> {
  const sum = createHash("sha256");
  let length = 0;
  await create(path, { mode: "plain", makeFolder }, async (file) => {
    for (let bytes = buffer.length; bytes > 0; bytes = await body.read(buffer)) {
      length += bytes;
      if (length > maxBytes) throw largerThanAllowed();
      const chunk = buffer.subarray(0, bytes);
      sum.update(chunk);
      await file.write(chunk);
      if (bytes < buffer.length) break;
    }
    await file.sync();
  });
  return placeable({ path, length, sha256: sum.digest("hex"), makeFolder });
}

interface Unplaced extends Pick<ReceivedFile, "length" | "sha256">, Pick<Receiving, "path" | "makeFolder"> {
  /** Absent where it lies at the path already. */
  readonly write?: (path: string) => Promise<void>;
  readonly release?: () => void;
}

function placeable({ path, length, sha256, makeFolder, write, release }: Unplaced): ReceivedFile {
  let written: Promise<void> | undefined = write ? undefined : Promise.resolve();
  const onDisk = async (): Promise<string> => {
    await (written ??= write?.(path));
    return path;
  };
  async function moveTo(to: string): Promise<void> {
    await onDisk();
    await inFolder(to, () => rename(path, to), makeFolder);
    written = undefined;
  }
  return {
    length,
    sha256,
    onDisk,
    moveTo,
    writeTo: (to) => (written || !write ? moveTo(to) : write(to)),
    async discard() {
      const isThere = await written?.then(
        () => true,
        () => false,
      );
      release?.();
      if (isThere) await rm(path, { force: true });
    },
  };
}

const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes(codeOf(error));
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

async function create(path: string, creating: Creating, write: (file: NewFile) => Promise<void>): Promise<void> {
  try {
    const file = createFile(path, creating);
    try {
      await write(file);
    } finally {
      file.close();
    }
  } catch (error) {
    // What lay there before is not ours.
    if (codeOf(error) !== "EEXIST") await rm(path, { force: true });
    throw isFull(error) ? new MatrixError(503, "M_UNKNOWN", "The media store of this server is full") : error;
  }
}
