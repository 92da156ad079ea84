import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
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
  const handle = await open(path, "wx", 0o644);
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.byteLength;
      if (length > maxBytes) throw tooLarge("Upload request body is too large");
      hash.update(chunk);
      await writeAll(handle, chunk);
    }
    await handle.sync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(path, { force: true });
    throw isFull(error) ? new MatrixError(503, "M_UNKNOWN", "The media store of this server is full") : error;
  }
  return { path, length, sha256: hash.digest("hex"), discard: () => rm(path, { force: true }) };
}

const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) at += (await handle.write(chunk, at)).bytesWritten;
}
