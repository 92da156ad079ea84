import { limitExceeded } from "../../errors";
import { insertPendingMedia, oldestPendingTs } from "../../storage/media";
import type { Requester } from "../requester";
import type { MediaApp } from "./media";

/** Gives out an id that the user fills later (client-server API, "Asynchronous uploads"). Throws 429 while too many are open. */
export async function createMediaId(app: MediaApp, { userId }: Requester): Promise<{ mediaId: string; expiresTs: number }> {
  const { config, db, clock, serverName, media } = app;
  const lifetime = config.unused_expiration_time;
  const createdTs = clock.now();
  const openSince = createdTs - lifetime;
  const mediaId = media.newId();
  const row = { origin: serverName, mediaId, userId, createdTs, authenticated: config.enable_authenticated_media };
  if (!(await insertPendingMedia(db, row, { openSince, max: config.max_pending_media_uploads }))) {
    const oldest = await oldestPendingTs(db, userId, openSince);
    throw limitExceeded(Math.max(1, (oldest ?? createdTs) + lifetime - createdTs));
  }
  return { mediaId, expiresTs: createdTs + lifetime };
}
