import { createHash } from "node:crypto";
import { MatrixError, limitExceeded, notFound, tooLarge } from "../../errors";
import { LimiterFull } from "../../lib/limiter";
import { insertThumbnail } from "../../storage/media";
import type { ServedFile } from "./download";
import { downloadMedia } from "./download";
import { findMedia } from "./find";
import type { FoundMedia, MediaRequest } from "./find";
import { ImageTooLarge, NotAnImage } from "./images";
import type { ImageFacts, ThumbnailOrder } from "./images";
import type { MediaApp } from "./media";
import { contentPath, thumbnailPath } from "./paths";
import { configuredSize, resultingSize } from "./thumbnailSize";
import type { WantedSize } from "./thumbnailSize";

export interface ThumbnailRequest extends MediaRequest {
  readonly size: WantedSize;
  readonly animated: boolean;
}

const EXTENSIONS = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp" } as const;

/**
 * A smaller image of an image. Made when it is first asked for, in one of the configured sizes, or with `dynamic_thumbnails` in the one
 * asked for, and kept. Throws 400 M_UNKNOWN for what has no thumbnails, 413 for images with too many pixels.
 */
export async function thumbnailOf(app: MediaApp, request: ThumbnailRequest): Promise<ServedFile> {
  const media = await findMedia(app, request);
  const facts = await factsOf(app, request, media).catch(explain);
  const order = orderOf(app, request, facts);
  const path = thumbnailPath(media, app.serverName, { ...order, mediaType: order.type });
  if (path === undefined) throw notFound("Not found");
  return {
    contentType: order.type,
    name: `thumbnail.${EXTENSIONS[order.type]}`,
    etag: media.sha256 === null ? undefined : createHash("sha256").update(`${media.sha256} ${path}`).digest("hex"),
    open: async () => {
      const { files } = app.media;
      const file = await files.open(path);
      if (file) return file;
      const source = await locate(app, request, media);
      await makeOnce(app, { media, source, order, path }).catch(explain);
      const made = await files.open(path);
      if (!made) throw notFound("Not found");
      return made;
    },
  };
}

/** What an image is never changes: it is looked at once. */
async function factsOf(app: MediaApp, request: MediaRequest, media: FoundMedia): Promise<ImageFacts> {
  const { images, imageFacts } = app.media;
  const key = contentPath(media, app.serverName) ?? "";
  const known = imageFacts.get(key);
  if (known) return known;
  const facts = await images.facts(await locate(app, request, media));
  imageFacts.set(key, facts);
  return facts;
}

/** Where the image itself lies, fetched anew if it is gone. */
async function locate(app: MediaApp, request: MediaRequest, media: FoundMedia): Promise<string> {
  const path = contentPath(media, app.serverName);
  const found = path === undefined ? undefined : await app.media.files.locate(path);
  if (found !== undefined) return found;
  const file = await (await downloadMedia(app, request)).open();
  file.close();
  const again = contentPath(await findMedia(app, request), app.serverName);
  const full = again === undefined ? undefined : await app.media.files.locate(again);
  if (full === undefined) throw notFound("Not found");
  return full;
}

function orderOf({ config }: MediaApp, { size, animated }: ThumbnailRequest, image: ImageFacts): ThumbnailOrder {
  const wanted = config.dynamic_thumbnails ? size : (configuredSize(size, config.thumbnail_sizes) ?? size);
  return { ...resultingSize(wanted, image), method: wanted.method, type: outputType(image, animated) };
}

function outputType({ type, hasAlpha, isAnimated }: ImageFacts, animated: boolean): ThumbnailOrder["type"] {
  if (animated && isAnimated) return "image/webp";
  return type === "image/jpeg" || (!hasAlpha && type !== "image/png" && type !== "image/gif") ? "image/jpeg" : "image/png";
}

interface Making {
  readonly media: FoundMedia;
  readonly source: string;
  readonly order: ThumbnailOrder;
  readonly path: string;
}

/** Once for all that ask at the same time. */
function makeOnce(app: MediaApp, making: Making): Promise<void> {
  const running = app.media.making.get(making.path);
  if (running) return running;
  const work = make(app, making).finally(() => app.media.making.delete(making.path));
  app.media.making.set(making.path, work);
  return work;
}

async function make({ db, media: { files, images }, serverName }: MediaApp, { media, source, order, path }: Making): Promise<void> {
  const bytes = await images.thumbnail(source, order);
  const file = files.hold(bytes);
  try {
    await insertThumbnail(db, media, { ...order, mediaType: order.type, length: bytes.length });
    await files.place(file, path, { kind: media.origin === serverName ? "local" : "remote", id: "known" });
  } finally {
    await file.discard();
  }
}

function explain(error: unknown): never {
  if (error instanceof ImageTooLarge) throw tooLarge(`The image is too large for thumbnails: ${error.message}`);
  if (error instanceof NotAnImage) throw new MatrixError(400, "M_UNKNOWN", `Cannot make a thumbnail of this media: ${error.message}`);
  throw error instanceof LimiterFull ? limitExceeded(2_000) : error;
}
