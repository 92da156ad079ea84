import { closeSync, constants, fsync, open, write } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

const { O_WRONLY, O_CREAT, O_EXCL, O_DSYNC } = constants;
/** Not on every system. */
const O_DIRECT = (constants as { readonly O_DIRECT?: number }).O_DIRECT ?? 0;
const openAsync = promisify(open);
const fsyncAsync = promisify(fsync);

export interface NewFile {
  /** All of the bytes, behind those that it has. */
  write(bytes: Uint8Array): Promise<void>;
  /** Until what was written is on disk for good. */
  sync(): Promise<void>;
  /** Leaves nothing to wait for. */
  close(): void;
}

/** What disks write by, and pages of memory are multiples of. */
const BLOCK = 4096;
/** Less is not worth another descriptor. */
const MIN_DIRECT = 64 * BLOCK;

export interface Creating {
  readonly mode: "plain" | "synced";
  readonly makeFolder: MakeFolder;
}

/** Makes a folder with those above it. */
export type MakeFolder = (path: string) => Promise<void>;

/**
 * A file that is made, with its folder, once something is written; where there is one already, that fails (EEXIST). "synced": each write
 * waits for the disk, which saves asking again. Whole blocks go to the disk past the system's cache, where the file system and the memory
 * allow it: copying a file into new memory for the cache costs several times what writing it does, and pushes out what others read.
 */
export function createFile(path: string, { mode, makeFolder }: Creating): NewFile {
  const flags = O_WRONLY | (mode === "synced" ? O_DSYNC : 0);
  const opened: { cached?: number; direct?: number } = {};
  let length = 0;
  let isMade = false;

  async function openFor(kind: keyof typeof opened): Promise<number> {
    const all = flags | (kind === "direct" ? O_DIRECT : 0);
    return (opened[kind] ??= await inFolder(path, () => openAsync(path, all | (isMade ? O_CREAT : O_CREAT | O_EXCL), 0o644), makeFolder));
  }

  async function writeBlocks(bytes: Uint8Array): Promise<number> {
    if (O_DIRECT === 0 || bytes.length < MIN_DIRECT || length % BLOCK !== 0) return 0;
    const blocks = bytes.subarray(0, bytes.length - (bytes.length % BLOCK));
    try {
      return await writeSome(await openFor("direct"), blocks, length);
    } catch (error) {
      if (codeOf(error) !== "EINVAL") throw error;
      // It may have been made all the same.
      isMade = true;
      return 0;
    }
  }

  return {
    async write(bytes) {
      let left = bytes;
      do {
        const written = (await writeBlocks(left)) || (await writeSome(await openFor("cached"), left, length));
        isMade = true;
        length += written;
        left = left.subarray(written);
      } while (left.length > 0);
    },
    async sync() {
      await fsyncAsync(opened.cached ?? (await openFor("direct")));
    },
    close() {
      for (const descriptor of Object.values(opened)) closeSync(descriptor);
    },
  };
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Does what needs the folder of a path, which is made if it is missing. */
export async function inFolder<T>(path: string, act: () => Promise<T>, makeFolder: MakeFolder): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    await makeFolder(dirname(path));
    return act();
  }
}

function writeSome(descriptor: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    write(descriptor, bytes, 0, bytes.length, position, (error, written) => (error ? reject(error) : resolve(written))),
  );
}
