import { closeSync, fsync, openSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

const fsyncAsync = promisify(fsync);

/** Folders whose names and files are to stay, whatever happens to the machine. */
export interface Folders {
  /** With those above it. */
  make(path: string): Promise<void>;
  /** Until the names in it are on disk for good. Those who wait for the same folder share the work. */
  sync(path: string): Promise<void>;
}

interface Syncing {
  readonly running: Promise<void>;
  /** For names that came after it began. */
  next?: Promise<void>;
}

export function createFolders(): Folders {
  const syncing = new Map<string, Syncing>();

  function begin(path: string): Promise<void> {
    const running = syncNow(path).finally(() => {
      if (syncing.get(path)?.running === running) syncing.delete(path);
    });
    syncing.set(path, { running });
    return running;
  }

  function sync(path: string): Promise<void> {
    const current = syncing.get(path);
    if (!current) return begin(path);
    current.next ??= current.running.then(
      () => begin(path),
      () => begin(path),
    );
    return current.next;
  }

  return {
    sync,
    async make(path) {
      const first = await mkdir(path, { recursive: true });
      for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made)) await sync(dirname(made));
    },
  };
}

async function syncNow(path: string): Promise<void> {
  // It was just used, so that opening it does not wait.
  const descriptor = openSync(path, "r");
  try {
    await fsyncAsync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
