import { deleteMedia } from "../../storage/media";
import type { MediaKey } from "../../storage/media";
import type { MediaApp } from "./media";
import { contentPath, thumbnailPath } from "./paths";

/** Removes media and their thumbnails: rows first, so that nothing is offered that has no file. Gives the ids of what there was. */
export async function removeMedia({ db, media: { files }, serverName }: MediaApp, keys: readonly MediaKey[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const gone = await deleteMedia(db, keys);
  const paths = gone.flatMap((media) => [
    contentPath(media, serverName),
    ...media.thumbnails.map((thumbnail) => thumbnailPath(media, serverName, thumbnail)),
  ]);
  await files.remove(paths.filter((path) => path !== undefined));
  return gone.map(({ mediaId }) => mediaId);
}

const BATCH = 100;

/** Removes all that a query finds, some at a time. */
export async function removeAll(app: MediaApp, find: (limit: number) => Promise<readonly MediaKey[]>): Promise<string[]> {
  const removed: string[] = [];
  for (;;) {
    const keys = await find(BATCH);
    const ids = await removeMedia(app, keys);
    removed.push(...ids);
    if (keys.length < BATCH || ids.length === 0) return removed;
  }
}
