import { MatrixError } from "../../../errors";
import { readerOf } from "../../../lib/byteReader";
import type { WebAnswer } from "../../../remote/webFetch";
import type { MediaApp } from "../media";
import { cleanType } from "../names";
import { storeOwn } from "../upload";
import { drop, failed, typeOf } from "./fetchPage";

export interface StoredImage {
  readonly mxc: string;
  readonly type: string;
  readonly size: number;
  /** Where they can be told. */
  readonly width: number | undefined;
  readonly height: number | undefined;
}

/** Stores the image that a preview shows, by the day, since it is removed after a while. */
export async function storeImage(app: MediaApp, userId: string, answer: WebAnswer): Promise<StoredImage> {
  const { files, images } = app.media;
  const file = await files.receive(readerOf(answer.body), { maxBytes: app.config.max_spider_size }).catch((error: unknown) => {
    throw error instanceof MatrixError ? error : failed(error instanceof Error ? error.message : String(error));
  });
  try {
    const size = await images.facts(await file.onDisk()).catch(() => undefined);
    const day = new Date(app.clock.now()).toISOString().slice(0, 10);
    const media = await storeOwn(app, file, {
      userId,
      mediaId: `${day}_${app.random.letters(16)}`,
      mediaType: cleanType(typeOf(answer)),
      uploadName: null,
      urlCache: answer.url.href,
    });
    return {
      mxc: `mxc://${app.serverName}/${media.mediaId}`,
      type: media.mediaType ?? "",
      size: file.length,
      width: size?.width,
      height: size?.height,
    };
  } finally {
    drop(answer);
    await file.discard();
  }
}
