import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "../../config/config";
import { createObjectStore } from "../../remote/objectStore";
import type { ObjectStore } from "../../remote/objectStore";

/** Whose media it is: what second stores are configured by. */
export type Kind = "local" | "remote";

/** Other places with the same files (`media_storage_providers`): directories, and buckets of S3 servers. */
export interface SecondStores {
  /** Copies a file to those that want it; waits for those that are `store_synchronous`. */
  copy(path: string, kind: Kind): Promise<void>;
  /** Brings a file back from one that has it, by way of a temporary file. False where none has. */
  restore(path: string, temporary: string): Promise<boolean>;
  remove(path: string): Promise<void>;
}

export const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

export function createSecondStores(
  root: string,
  providers: Config["media_storage_providers"],
  background: (name: string, work: () => Promise<void>) => void,
): SecondStores {
  const stores = providers.flatMap(({ config: { bucket, directory, ...config }, ...rules }) => {
    if (directory !== undefined) return [{ ...rules, store: createDirectoryStore(directory) }];
    return bucket === undefined ? [] : [{ ...rules, store: createObjectStore({ ...config, bucket }) }];
  });
  return {
    async copy(path, kind) {
      for (const { store, store_local, store_remote, store_synchronous } of stores) {
        if (kind === "local" ? !store_local : !store_remote) continue;
        const put = () => store.put(path, join(root, path));
        if (store_synchronous) await put();
        else background("copy_media", put);
      }
    },
    async restore(path, temporary) {
      for (const { store } of stores) {
        try {
          await mkdir(dirname(temporary), { recursive: true });
          if (!(await store.get(path, temporary))) continue;
          await mkdir(dirname(join(root, path)), { recursive: true });
          await rename(temporary, join(root, path));
          return true;
        } catch (error) {
          await rm(temporary, { force: true });
          throw error;
        }
      }
      return false;
    },
    async remove(path) {
      for (const { store } of stores) await store.remove(path);
    },
  };
}

function createDirectoryStore(directory: string): ObjectStore {
  return {
    async put(path, file) {
      const target = join(directory, path);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(file, target);
    },
    async get(path, file) {
      try {
        await copyFile(join(directory, path), file);
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    },
    remove: (path) => rm(join(directory, path), { force: true }),
  };
}
