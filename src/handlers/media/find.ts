import { setTimeout as sleep } from "node:timers/promises";
import { isServerName } from "../../config/checks";
import { MatrixError, notFound } from "../../errors";
import { fitsId } from "../../rooms/ids";
import { getMedia } from "../../storage/media";
import type { MediaKey, MediaRow } from "../../storage/media";
import type { MediaApp } from "./media";
import { fetchRemoteMedia } from "./remote";

/** Who asks for media, and how. */
export interface MediaRequest extends MediaKey {
  /** "open": by the endpoints that ask for no token, which see nothing that came after the freeze (client-server API, "Content repository"). */
  readonly access: "authenticated" | "open" | "federation";
  /** How long to wait for what is still being uploaded, ms. */
  readonly timeoutMs: number;
  readonly mayFetch: boolean;
  /** Whom bytes of other servers are counted for: a user id or an address. */
  readonly countedFor: string;
  readonly signal: AbortSignal;
}

/** Media that there is a file of. */
export type FoundMedia = MediaRow & { readonly mediaType: string; readonly length: number };

const missing = (): MatrixError => notFound("Not found");
const POLL_MS = 500;

/** The row of what is asked for, fetched from its server if need be. Throws 404, 504 M_NOT_YET_UPLOADED, 502. */
export async function findMedia(app: MediaApp, request: MediaRequest): Promise<FoundMedia> {
  const { origin } = request;
  if (!fitsId(request.mediaId)) throw missing();
  if (app.config.prevent_media_downloads_from.includes(origin)) throw missing();
  const media = origin === app.serverName ? await findOwn(app, request) : await findRemote(app, request);
  if (media.quarantinedBy !== null) throw missing();
  if (request.access === "open" && media.authenticated && app.config.enable_authenticated_media) throw missing();
  if (media.mediaType === null || media.length === null) throw notYetUploaded();
  app.media.accesses.note(media);
  return { ...media, mediaType: media.mediaType, length: media.length };
}

const notYetUploaded = (): MatrixError => new MatrixError(504, "M_NOT_YET_UPLOADED", "Media has not been uploaded yet");

/** Waits for the upload on whichever process it arrives: the database tells. */
async function findOwn({ db, clock, config }: MediaApp, request: MediaRequest): Promise<MediaRow> {
  const deadline = clock.now() + request.timeoutMs;
  for (;;) {
    const media = await getMedia(db, request);
    if (!media) throw missing();
    if (media.length !== null) return media;
    if (media.createdTs + config.unused_expiration_time < clock.now()) throw notFound("Media has expired");
    const left = deadline - clock.now();
    if (left <= 0) throw notYetUploaded();
    await sleep(Math.min(POLL_MS, left), undefined, { signal: request.signal });
  }
}

async function findRemote(app: MediaApp, request: MediaRequest): Promise<MediaRow> {
  const { origin, mediaId, access, mayFetch } = request;
  if (!isServerName(origin) || mediaId === "" || access === "federation") throw missing();
  const media = await getMedia(app.db, { origin, mediaId });
  if (media) return media;
  // After the freeze nothing new comes in for those who don't say who they are.
  if (!mayFetch || (access === "open" && app.config.enable_authenticated_media)) throw missing();
  return fetchRemoteMedia(app, request);
}
