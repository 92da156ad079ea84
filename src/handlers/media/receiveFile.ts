import { createHash } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { MatrixError, tooLarge } from "../../errors";

/** A file that was received whole and has no place yet. */
export interface ReceivedFile {
  readonly path: string;
  readonly length: number;
  /** In hex. */
  readonly sha256: string;
  /** Removes it, unless it was placed. */
  discard(): Promise<void>;
}

/** Writes what comes to a new file while it comes. Throws 413 M_TOO_LARGE; whatever fails leaves no file behind. */
export async function receiveFile(path: string, body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<ReceivedFile> {
  const hash = createHash("sha256");
  const handle = await create(path);
  let length = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  try {
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > maxBytes) throw tooLarge("Upload request body is too large");
      hash.update(chunk);
      held.push(chunk);
      heldBytes += chunk.byteLength;
      if (heldBytes < WRITE_SIZE) continue;
      await writeAll(handle, held);
      [held, heldBytes] = [[], 0];
    }
    await writeAll(handle, held);
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(path, { force: true });
    throw isFull(error) ? new MatrixError(503, "M_UNKNOWN", "The media store of this server is full") : error;
  }
  return { path, length, sha256: hash.digest("hex"), discard: () => rm(path, { force: true }) };
}

/** Each write leaves the thread, which costs more than the copying of what comes in one piece from a socket. */
const WRITE_SIZE = 512 * 1024;

const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await mkdir(dirname(path), { recursive: true });
    return open(path, "wx", 0o644);
  }
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let left = chunks.filter(({ byteLength }) => byteLength > 0);
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left);
    left = without(left, bytesWritten);
  }
}

/** What is left of chunks behind their first bytes. */
function without(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return chunks.flatMap((chunk) => {
    const from = Math.min(skip, chunk.byteLength);
    skip -= from;
    return from === chunk.byteLength ? [] : [chunk.subarray(from)];
  });
}
