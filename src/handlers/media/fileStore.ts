import { link, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "../../config/config";
import { createBufferPool } from "../../lib/bufferPool";
import type { ByteReader } from "../../lib/byteReader";
import type { Clock } from "../../lib/clock";
import type { Random } from "../../lib/random";
import { inFolder } from "./createFile";
import { createFolders } from "./folders";
import { openFile } from "./openFile";
import type { OpenFile } from "./openFile";
import { holdFile, receiveFile } from "./receiveFile";
import type { ReceivedFile } from "./receiveFile";
import { createSecondStores, isMissing } from "./secondStores";
import type { Kind } from "./secondStores";

/** Files below `media_store_path`, which several processes may share. Paths are relative to it. */
export interface FileStore {
  /** Throws 413 M_TOO_LARGE; whatever fails leaves no file behind. `length`: as announced. */
  receive(body: ByteReader, options: { readonly maxBytes: number; readonly length?: number | undefined }): Promise<ReceivedFile>;
  /** What is in memory already. */
  hold(bytes: Buffer): ReceivedFile;
  /**
   * Puts the file in its place, on disk for good. An id is "new" where nobody looks at its path before this is done; a "known" one may have a
   * file already, and has a whole one at any time.
   */
  place(file: ReceivedFile, path: string, options: { readonly kind: Kind; readonly id: "new" | "known" }): Promise<void>;
  /** Lets two files of equal contents share their space, where the file system can. */
  share(path: string, same: string): Promise<void>;
  /** Undefined where there is no such file, in the second stores neither. */
  open(path: string): Promise<OpenFile | undefined>;
  /** Where it lies, for those who read it by themselves. Undefined as for open. */
  locate(path: string): Promise<string | undefined>;
  remove(paths: readonly string[]): Promise<void>;
  /** Removes what was being received by processes that are gone. */
  removeAbandoned(olderThanMs: number): Promise<void>;
}

export interface FileStoreDeps {
  readonly config: Pick<Config, "media_store_path" | "media_storage_providers">;
  readonly random: Pick<Random, "letters">;
  readonly clock: Pick<Clock, "now">;
  readonly background: (name: string, work: () => Promise<void>) => void;
}

/** Reused memory for receiving: files of 1 MiB fit with room to spare. */
const BUFFERS = { size: 17 * 65_536, small: 65_536, most: 8 };
/** On the file system of the store, so that a finished file is moved, not copied. */
const INCOMING = "incoming";

export function createFileStore({ config, random, clock, background }: FileStoreDeps): FileStore {
  const root = config.media_store_path;
  const buffers = createBufferPool(BUFFERS);
  const folders = createFolders();
  const seconds = createSecondStores(root, config.media_storage_providers, background);
  const incoming = (): string => join(root, INCOMING, random.letters(24));

  async function whereItIs<T>(path: string, use: (full: string) => Promise<T>): Promise<T | undefined> {
    for (const last of [false, true]) {
      try {
        return await use(join(root, path));
      } catch (error) {
        if (!isMissing(error)) throw error;
        if (last || !(await seconds.restore(path, incoming()))) return undefined;
      }
    }
    return undefined;
  }

  return {
    receive: (body, options) => receiveFile(body, { ...options, path: incoming(), makeFolder: folders.make, buffers }),
    hold: (bytes) => holdFile(bytes, { path: incoming(), makeFolder: folders.make, release: () => undefined }),
    async place(file, path, { kind, id }) {
      const target = join(root, path);
      await (id === "new" ? file.writeTo(target) : file.moveTo(target));
      await folders.sync(dirname(target));
      await seconds.copy(path, kind);
    },
    async share(path, same) {
      const name = incoming();
      try {
        await inFolder(name, () => link(join(root, same), name), folders.make);
        await rename(name, join(root, path));
      } catch {
        // It cannot, or the other file is gone meanwhile: there are two then.
        await rm(name, { force: true });
      }
    },
    open: (path) => whereItIs(path, openFile),
    locate: (path) => whereItIs(path, async (full) => (await stat(full), full)),
    async remove(paths) {
      for (const path of paths) {
        await rm(join(root, path), { force: true });
        await seconds.remove(path);
      }
    },
    removeAbandoned: (olderThanMs) => removeOlder(join(root, INCOMING), clock.now() - olderThanMs),
  };
}

async function removeOlder(folder: string, before: number): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const name of names) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found && found.mtimeMs < before) await rm(join(folder, name), { force: true });
  }
}
