import type { Clock } from "../../lib/clock";
import type { Background } from "../../observe/background";
import type { Db } from "../../storage/db";
import { touchMedia } from "../../storage/media";
import type { MediaKey } from "../../storage/media";

/** When media were last asked for, which decides what is removed first. Written together now and then: a crash may lose a minute. */
export interface AccessTimes {
  note(media: MediaKey): void;
  stop(): Promise<void>;
}

const EVERY_MS = 60_000;
const MAX_NOTED = 10_000;

export function createAccessTimes({ db, clock, background }: { db: Db; clock: Clock; background: Background }): AccessTimes {
  let noted = new Map<string, MediaKey>();
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (noted.size === 0) return;
    const keys = [...noted.values()];
    noted = new Map();
    await touchMedia(db, keys, clock.now());
  }

  return {
    note({ origin, mediaId }) {
      if (noted.size < MAX_NOTED) noted.set(`${origin}/${mediaId}`, { origin, mediaId });
      timer ??= setTimeout(() => background("update_recently_accessed_media", flush), EVERY_MS).unref();
    },
    stop: flush,
  };
}
