import { expiredPendingMedia, oldPreviewMedia, unusedCopies, unusedOwnMedia } from "../../storage/mediaLists";
import { deleteOldUrlPreviews } from "../../storage/urlPreviews";
import type { MediaApp } from "./media";
import { removeAll } from "./remove";

const HOUR_MS = 3_600_000;
/** Longer than a request may take. */
const ABANDONED_MS = 3 * HOUR_MS;
const PREVIEW_IMAGE_MS = 48 * HOUR_MS;
const PREVIEWS = 500;

/** Removes what has had its time: by `media_retention`, ids that nobody used, images of previews. Run by one process. */
export async function retainMedia(app: MediaApp): Promise<void> {
  const { config, db, clock, serverName } = app;
  const now = clock.now();
  const { local_media_lifetime: own, remote_media_lifetime: copies } = config.media_retention;
  await removeAll(app, (limit) => expiredPendingMedia(db, { before: now - config.unused_expiration_time, limit }));
  if (own !== undefined) await removeAll(app, (limit) => unusedOwnMedia(db, serverName, { before: now - own, limit }));
  if (copies !== undefined) await removeAll(app, (limit) => unusedCopies(db, serverName, { before: now - copies, limit }));
  await removeAll(app, (limit) => oldPreviewMedia(db, { before: now - PREVIEW_IMAGE_MS, limit }));
  while ((await deleteOldUrlPreviews(db, now, PREVIEWS)) === PREVIEWS);
  await app.media.files.removeAbandoned(ABANDONED_MS);
}
