import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Config } from "../../config/config";

/** Whose media it is: what second stores are configured by. */
export type Kind = "local" | "remote";

/** Other directories with the same files (`media_storage_providers` of the kind file_system). */
export interface SecondStores {
  readonly directories: readonly string[];
  /** Copies a file to those that want it; waits for those that are `store_synchronous`. */
  copy(path: string, kind: Kind): Promise<void>;
  /** Brings a file back from one that has it, by way of a temporary file. False where none has. */
  restore(path: string, temporary: string): Promise<boolean>;
}

export const isMissing = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

export function createSecondStores(
  root: string,
  providers: Config["media_storage_providers"],
  background: (name: string, work: () => Promise<void>) => void,
): SecondStores {
  const stores = providers.flatMap((provider) => {
    const { directory } = provider.config;
    return directory === undefined ? [] : [{ ...provider, directory }];
  });

  async function copyTo(directory: string, path: string): Promise<void> {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(root, path), target);
  }

  return {
    directories: stores.map(({ directory }) => directory),
    async copy(path, kind) {
      for (const { directory, store_local, store_remote, store_synchronous } of stores) {
        if (kind === "local" ? !store_local : !store_remote) continue;
        if (store_synchronous) await copyTo(directory, path);
        else background("copy_media", () => copyTo(directory, path));
      }
    },
    async restore(path, temporary) {
      for (const { directory } of stores) {
        try {
          await mkdir(dirname(temporary), { recursive: true });
          await copyFile(join(directory, path), temporary);
          await mkdir(dirname(join(root, path)), { recursive: true });
          await rename(temporary, join(root, path));
          return true;
        } catch (error) {
          await rm(temporary, { force: true });
          if (!isMissing(error)) throw error;
        }
      }
      return false;
    },
  };
}
