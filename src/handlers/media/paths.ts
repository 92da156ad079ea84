import type { SameContents, ThumbnailRow } from "../../storage/media";

/** Media by which their file is found. */
export type StoredMedia = SameContents;

const DATED = /^\d{4}-\d\d-\d\d./;

/** Letters in ids of our own; what else comes in from a moved server is checked too, since it becomes part of a path. */
const isSafePart = (text: string): boolean => /^[A-Za-z0-9_=-]+$/.test(text);
const isSafeHost = (name: string): boolean => /^[[\]A-Za-z0-9:.-]+$/.test(name) && !/^\.+$/.test(name);

/** `abcdef` is kept in `ab/cd/ef`. */
function spread(id: string): string {
  return `${id.slice(0, 2)}/${id.slice(2, 4)}/${id.slice(4)}`;
}

/**
 * Where the file of a piece of media lies, below the root of the store: Synapse's layout. Undefined for what cannot have a file.
 * Contents of previews are kept by day, so that whole days can be removed.
 */
export function contentPath(media: StoredMedia, serverName: string): string | undefined {
  return pathBelow(media, serverName, { local: "local_content", remote: "remote_content", urlCache: "url_cache" });
}

export function thumbnailPath(media: StoredMedia, serverName: string, thumbnail: ThumbnailRow): string | undefined {
  const { width, height, mediaType, method } = thumbnail;
  const roots = { local: "local_thumbnails", remote: "remote_thumbnail", urlCache: "url_cache_thumbnails" };
  const folder = pathBelow(media, serverName, roots);
  return folder && `${folder}/${width}-${height}-${mediaType.replace("/", "-")}-${method}`;
}

interface Roots {
  readonly local: string;
  readonly remote: string;
  readonly urlCache: string;
}

function pathBelow({ origin, mediaId, filesystemId, urlCache }: StoredMedia, serverName: string, roots: Roots): string | undefined {
  const id = origin === serverName ? mediaId : filesystemId;
  if (id === null || id.length < 5 || !isSafePart(id)) return undefined;
  if (origin !== serverName) return isSafeHost(origin) ? `${roots.remote}/${origin}/${spread(id)}` : undefined;
  if (urlCache === null) return `${roots.local}/${spread(id)}`;
  return DATED.test(id) ? `${roots.urlCache}/${id.slice(0, 10)}/${id.slice(11)}` : `${roots.urlCache}/${spread(id)}`;
}
