import { notFound } from "../../errors";
import { deleteMedia } from "../../storage/media";
import { findMedia } from "./find";
import type { FoundMedia, MediaRequest } from "./find";
import type { MediaApp } from "./media";
import type { OpenFile } from "./openFile";
import { contentPath } from "./paths";

/** A file for an answer, not opened yet: who has it already need not read it. */
export interface ServedFile {
  readonly contentType: string;
  readonly name: string | undefined;
  /** Of its contents, so that a copy can be known to be good. */
  readonly etag: string | undefined;
  /** Throws 404 when it is gone. */
  open(): Promise<OpenFile>;
}

/** What was uploaded (client-server API, "Content repository"). `name`: another one than it was uploaded with. */
export async function downloadMedia(app: MediaApp, request: MediaRequest, name?: string): Promise<ServedFile> {
  const media = await findMedia(app, request);
  return {
    contentType: media.mediaType,
    name: name ?? media.uploadName ?? undefined,
    etag: media.sha256 ?? undefined,
    open: () => openContent(app, request, media),
  };
}

async function openContent(app: MediaApp, request: MediaRequest, media: FoundMedia): Promise<OpenFile> {
  const file = await openIfThere(app, media);
  if (file) return file;
  app.log("synapse.media").error(`The file of mxc://${media.origin}/${media.mediaId} is gone`);
  if (media.origin === app.serverName) throw notFound("Not found");
  // A copy can be had again.
  await deleteMedia(app.db, [media]);
  const again = await openIfThere(app, await findMedia(app, request));
  if (!again) throw notFound("Not found");
  return again;
}

async function openIfThere({ media: { files }, serverName }: MediaApp, media: FoundMedia): Promise<OpenFile | undefined> {
  const path = contentPath(media, serverName);
  return path === undefined ? undefined : files.open(path);
}
