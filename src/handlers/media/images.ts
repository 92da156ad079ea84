import { open } from "node:fs/promises";
import type { Sharp, SharpConstructor } from "sharp";
import { createLimiter } from "../../lib/limiter";
import { imageTypeOf } from "./imageType";
import type { ImageType } from "./imageType";

export interface ImageFacts {
  readonly type: ImageType;
  /** As it is looked at: turned where the camera says so. */
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
  readonly isAnimated: boolean;
}

export interface ThumbnailOrder {
  readonly width: number;
  readonly height: number;
  readonly method: "crop" | "scale";
  readonly type: "image/jpeg" | "image/png" | "image/webp";
}

/** More pixels than `max_image_pixels`. */
export class ImageTooLarge extends Error {}
/** No image, one of a kind that is not read, or a broken one. */
export class NotAnImage extends Error {}

/** Reads and scales images of strangers: of few kinds, within bounds of pixels and time, few at once. */
export interface Images {
  facts(path: string): Promise<ImageFacts>;
  /** Makes the whole thumbnail in memory; it is small. Throws LimiterFull when too many wait. */
  thumbnail(path: string, order: ThumbnailOrder): Promise<Buffer>;
}

const AT_ONCE = 2;
const WAITING = 200;
const TIMEOUT_S = 30;
const SNIFFED_BYTES = 64;
/** The loaders for what imageTypeOf knows. All others are shut off: some of them follow links or run scripts. */
const LOADERS = ["Jpeg", "Png", "Webp", "Nsgif", "Heif"].map((name) => `VipsForeignLoad${name}File`);

export function createImages(maxPixels: number): Images {
  const limiter = createLimiter(AT_ONCE, WAITING);
  let library: Promise<SharpConstructor> | undefined;

  /** Loaded by those processes alone that have an image to read. */
  function load(): Promise<SharpConstructor> {
    library ??= import("sharp").then(({ default: sharp }) => {
      sharp.concurrency(1);
      sharp.cache(false);
      sharp.block({ operation: ["VipsForeignLoad"] });
      sharp.unblock({ operation: LOADERS });
      return sharp;
    });
    return library;
  }

  async function reading(path: string, frames: "first" | "all"): Promise<{ image: Sharp; type: ImageType }> {
    const type = await sniff(path);
    if (!type) throw new NotAnImage("not an image of a kind that has thumbnails");
    const sharp = await load();
    const image = sharp(path, { limitInputPixels: maxPixels, failOn: "error", sequentialRead: true, pages: frames === "all" ? -1 : 1 });
    return { image: image.timeout({ seconds: TIMEOUT_S }), type };
  }

  return {
    async facts(path) {
      const { image, type } = await reading(path, "first");
      const found = await image.metadata().catch(explain);
      const { width, height } = found.autoOrient;
      if (width * height > maxPixels) throw new ImageTooLarge(`${width} x ${height} pixels are too many`);
      return { type, width, height, hasAlpha: found.hasAlpha, isAnimated: (found.pages ?? 1) > 1 && type !== "image/avif" };
    },
    thumbnail: (path, { width, height, method, type }) =>
      limiter.run(async () => {
        const { image } = await reading(path, type === "image/webp" ? "all" : "first");
        const scaled = image
          .autoOrient()
          .resize({ width, height, fit: method === "crop" ? "cover" : "inside", withoutEnlargement: method === "scale" });
        return encode(scaled, type).toBuffer().catch(explain);
      }),
  };
}

function encode(image: Sharp, type: ThumbnailOrder["type"]): Sharp {
  if (type === "image/jpeg") return image.flatten({ background: "#ffffff" }).jpeg({ quality: 80 });
  return type === "image/png" ? image.png() : image.webp({ quality: 80 });
}

function explain(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw /pixel limit/i.test(message) ? new ImageTooLarge(message) : new NotAnImage(message);
}

async function sniff(path: string): Promise<ImageType | undefined> {
  const handle = await open(path, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    return imageTypeOf(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}
