import { forbidden } from "../../errors";
import { getMedia } from "../../storage/media";
import type { App } from "../app";

/** `max_avatar_size` and `allowed_avatar_mimetypes`. What isn't here cannot be judged, and is refused where there is something to judge. */
export async function checkAvatar({ config, db }: Pick<App, "config" | "db">, uri: string): Promise<void> {
  const { max_avatar_size: maxSize, allowed_avatar_mimetypes: types } = config;
  if (maxSize === undefined && types === undefined) return;
  const [, origin, mediaId] = /^mxc:\/\/([^/]+)\/([^/?#]+)$/.exec(uri) ?? [];
  const media = origin === undefined || mediaId === undefined ? undefined : await getMedia(db, { origin, mediaId });
  const fits = media && media.length !== null && media.length <= (maxSize ?? Infinity);
  if (!fits || (types && !types.includes(media.mediaType ?? ""))) throw forbidden("This avatar is not allowed");
}
