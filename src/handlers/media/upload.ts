import { MatrixError, forbidden, notFound, tooLarge } from "../../errors";
import type { ByteReader } from "../../lib/byteReader";
import { fitsId } from "../../rooms/ids";
import { completeMedia, getMedia, lockPendingMedia, uploadedSince } from "../../storage/media";
import type { Inserted, NewMedia, SameContents } from "../../storage/media";
import type { Requester } from "../requester";
import type { MediaApp } from "./media";
import { cleanName, cleanType } from "./names";
import { contentPath } from "./paths";
import type { ReceivedFile } from "./receiveFile";
import type { Kind } from "./secondStores";

export interface Upload {
  readonly body: ByteReader;
  /** As the client announces them. */
  readonly length: number | undefined;
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
}

/** Stores what a user uploads (client-server API, "Content repository"). Gives its mxc address. */
export async function uploadMedia(app: MediaApp, { userId }: Requester, upload: Upload): Promise<string> {
  await checkQuota(app, userId, upload.length ?? 0);
  const file = await app.media.files.receive(upload.body, { maxBytes: app.config.max_upload_size, length: upload.length });
  try {
    await checkQuota(app, userId, file.length);
    const { mediaId } = await storeOwn(app, file, {
      userId,
      mediaId: app.media.newId(),
      mediaType: cleanType(upload.contentType),
      uploadName: cleanName(upload.fileName),
      urlCache: null,
    });
    return `mxc://${app.serverName}/${mediaId}`;
  } finally {
    await file.discard();
  }
}

type OwnMedia = Pick<NewMedia, "userId" | "mediaId" | "mediaType" | "uploadName" | "urlCache">;

/** Stores a file as a piece of our own media. */
export async function storeOwn(app: MediaApp, file: ReceivedFile, own: OwnMedia): Promise<NewMedia> {
  const row: NewMedia = {
    ...own,
    origin: app.serverName,
    createdTs: app.clock.now(),
    length: file.length,
    filesystemId: null,
    authenticated: app.config.enable_authenticated_media,
    sha256: file.sha256,
  };
  if (!(await storeNew(app, file, { row, kind: "local" }))) throw new Error(`the media id ${row.mediaId} exists already`);
  return row;
}

/**
 * Puts a file in its place, for which there is a new id, and then stores its row: no row is ever without a file. False where there is a row
 * for the media already, which stays.
 */
export async function storeNew(
  app: MediaApp,
  file: ReceivedFile,
  { row, kind }: { readonly row: NewMedia; readonly kind: Kind },
): Promise<boolean> {
  const { files, insert } = app.media;
  const path = contentPath(row, app.serverName);
  if (path === undefined) throw notFound("Invalid media id");
  await files.place(file, path, { kind, id: "new" });
  let inserted: Inserted | undefined;
  try {
    inserted = await insert(row);
  } finally {
    if (!inserted?.stored) await files.remove([path]);
  }
  await shareSpace(app, path, inserted.same);
  return inserted.stored;
}

/** Contents that are there already share their space. That is looked for along with the row, since most are new. */
async function shareSpace({ media: { files }, serverName }: MediaApp, path: string, same: SameContents | undefined): Promise<void> {
  const other = same && contentPath(same, serverName);
  if (other !== undefined) await files.share(path, other);
}

/** `media_upload_limits`: so many bytes in so much time. */
async function checkQuota({ config, db, clock }: MediaApp, userId: string, length: number): Promise<void> {
  if (length > config.max_upload_size) throw tooLarge("Upload request body is too large");
  for (const limit of config.media_upload_limits) {
    if ((await uploadedSince(db, userId, clock.now() - limit.time_period)) + length <= limit.max_size) continue;
    const info = limit.msc4335_info_uri;
    throw new MatrixError(
      400,
      "M_RESOURCE_LIMIT_EXCEEDED",
      "Media upload limit exceeded",
      info === undefined ? {} : { "org.matrix.msc4335.info_uri": info },
    );
  }
}

/** Fills an id that was given out before (client-server API, "Asynchronous uploads"). */
export async function uploadToId(
  app: MediaApp,
  { userId }: Requester,
  to: { origin: string; mediaId: string },
  upload: Upload,
): Promise<void> {
  if (to.origin !== app.serverName || !fitsId(to.mediaId)) throw notFound("Non-local server name specified");
  await checkOpen(app, userId, to.mediaId);
  await checkQuota(app, userId, upload.length ?? 0);
  const file = await app.media.files.receive(upload.body, { maxBytes: app.config.max_upload_size, length: upload.length });
  try {
    await checkQuota(app, userId, file.length);
    await complete(app, file, { mediaId: to.mediaId, upload });
  } finally {
    await file.discard();
  }
}

async function checkOpen({ db, serverName, clock, config }: MediaApp, userId: string, mediaId: string): Promise<void> {
  const media = await getMedia(db, { origin: serverName, mediaId });
  if (!media) throw notFound("Unknown media ID");
  if (media.userId !== userId) throw forbidden("Only the creator of the media ID can upload to it");
  if (media.length !== null) throw overwrites();
  if (media.createdTs + config.unused_expiration_time < clock.now()) throw notFound("Media ID has expired");
}

const overwrites = (): MatrixError => new MatrixError(409, "M_CANNOT_OVERWRITE_MEDIA", "Media ID already has content");

/** Of two uploads to one id the first wins, on whichever processes they are: the row is locked while the file takes its place. */
async function complete(app: MediaApp, file: ReceivedFile, { mediaId, upload }: { mediaId: string; upload: Upload }): Promise<void> {
  const { db, serverName, clock } = app;
  const key = { origin: serverName, mediaId };
  const path = contentPath({ ...key, filesystemId: null, urlCache: null }, serverName);
  if (path === undefined) throw notFound("Unknown media ID");
  let placed = false;
  const same = await db.tx(async (tx) => {
    if (!(await lockPendingMedia(tx, key))) throw overwrites();
    // An attempt that failed may have left a file.
    if (!placed) await app.media.files.place(file, path, { kind: "local", id: "known" });
    placed = true;
    return completeMedia(tx, {
      ...key,
      mediaType: cleanType(upload.contentType),
      length: file.length,
      uploadName: cleanName(upload.fileName),
      sha256: file.sha256,
      now: clock.now(),
    });
  });
  await shareSpace(app, path, same);
}
