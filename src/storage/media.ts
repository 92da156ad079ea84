import { columns } from "./db";
import type { Db } from "./db";

export interface MediaRow {
  /** The server that it was uploaded to. */
  readonly origin: string;
  readonly mediaId: string;
  /** Who uploaded it; null for copies of other servers' media. */
  readonly userId: string | null;
  readonly createdTs: number;
  /** Null, as the length, until something is uploaded to the id. */
  readonly mediaType: string | null;
  readonly length: number | null;
  readonly uploadName: string | null;
  /** Of copies: what their file is called. */
  readonly filesystemId: string | null;
  readonly lastAccessTs: number | null;
  readonly quarantinedBy: string | null;
  readonly isProtected: boolean;
  /** Only served to who says who they are. */
  readonly authenticated: boolean;
  /** The address whose preview it belongs to. */
  readonly urlCache: string | null;
  /** In hex. */
  readonly sha256: string | null;
}

/** What names a piece of media: `mxc://origin/mediaId`. */
export type MediaKey = Pick<MediaRow, "origin" | "mediaId">;

export async function getMedia(db: Db, { origin, mediaId }: MediaKey): Promise<MediaRow | undefined> {
  const [row] = await db<MediaRow>`
    select origin, media_id as "mediaId", user_id as "userId", created_ts as "createdTs", media_type as "mediaType", media_length as length,
      upload_name as "uploadName", filesystem_id as "filesystemId", last_access_ts as "lastAccessTs", quarantined_by as "quarantinedBy",
      safe_from_quarantine as "isProtected", authenticated, url_cache as "urlCache", sha256
    from media where origin = ${origin} and media_id = ${mediaId}`;
  return row;
}

export type NewMedia = Omit<MediaRow, "quarantinedBy" | "isProtected" | "lastAccessTs">;

/** Media with the same contents, whose file may be shared. */
export interface SameContents extends MediaKey {
  readonly filesystemId: string | null;
  readonly urlCache: string | null;
}

export interface Inserted {
  /** False where there was a row already, of another process that was faster: that stays. */
  readonly stored: boolean;
  /** One of those that were there before. */
  readonly same: SameContents | undefined;
}

/** Stores rows, in quarantine where the same contents are. Answers in their order. */
export async function insertMedia(db: Db, media: readonly NewMedia[]): Promise<Inserted[]> {
  // In one order, so that processes that copy the same media never wait for each other in a circle.
  const rows = columns(media.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)));
  const inserted = await db<MediaKey & { readonly same: SameContents | null }>`
    insert into media as m (origin, media_id, user_id, created_ts, media_type, media_length, upload_name, filesystem_id, last_access_ts,
      authenticated, url_cache, sha256, quarantined_by)
    select n.*, (select quarantined_by from media q where q.sha256 = n.sha256 and q.quarantined_by is not null limit 1)
    from unnest(${rows.origin}::text[], ${rows.mediaId}::text[], ${rows.userId}::text[], ${rows.createdTs}::int8[], ${rows.mediaType}::text[],
      ${rows.length}::int8[], ${rows.uploadName}::text[], ${rows.filesystemId}::text[], ${rows.createdTs}::int8[],
      ${rows.authenticated}::bool[], ${rows.urlCache}::text[], ${rows.sha256}::text[])
      n (origin, media_id, user_id, created_ts, media_type, media_length, upload_name, filesystem_id, last_access_ts,
        authenticated, url_cache, sha256)
    on conflict do nothing
    returning m.origin, m.media_id as "mediaId",
      (select json_build_object('origin', s.origin, 'mediaId', s.media_id, 'filesystemId', s.filesystem_id, 'urlCache', s.url_cache)
       from media s where s.sha256 = m.sha256 and s.media_length = m.media_length limit 1) as same`;
  const byKey = new Map(inserted.map((row) => [keyOf(row), row]));
  return media.map((row) => {
    const found = byKey.get(keyOf(row));
    byKey.delete(keyOf(row));
    return { stored: found !== undefined, same: found?.same ?? undefined };
  });
}

const keyOf = ({ origin, mediaId }: MediaKey): string => `${origin}/${mediaId}`;

/** Stores an id for a later upload, unless the user has as many of them open as they may. */
export async function insertPendingMedia(
  db: Db,
  media: { origin: string; mediaId: string; userId: string; createdTs: number; authenticated: boolean },
  limit: { openSince: number; max: number },
): Promise<boolean> {
  const { origin, mediaId, userId, createdTs, authenticated } = media;
  const rows = await db`
    insert into media (origin, media_id, user_id, created_ts, authenticated)
    select ${origin}::text, ${mediaId}::text, ${userId}::text, ${createdTs}::int8, ${authenticated}::bool
    where (select count(*) from media where user_id = ${userId} and media_length is null and created_ts > ${limit.openSince}) < ${limit.max}::int8
    returning 1 as stored`;
  return rows.length > 0;
}

/** When the oldest of a user's open ids was given out. */
export async function oldestPendingTs(db: Db, userId: string, openSince: number): Promise<number | undefined> {
  const [row] = await db<{ ts: number | null }>`
    select min(created_ts) as ts from media where user_id = ${userId} and media_length is null and created_ts > ${openSince}`;
  return row?.ts ?? undefined;
}

/** Keeps others from completing the same id until the transaction ends. False when somebody has completed it. */
export async function lockPendingMedia(tx: Db, { origin, mediaId }: MediaKey): Promise<boolean> {
  const rows = await tx`
    select 1 as pending from media where origin = ${origin} and media_id = ${mediaId} and media_length is null for update`;
  return rows.length > 0;
}

/** What was uploaded to an open id. Gives one of those that had the same contents before. */
export async function completeMedia(
  tx: Db,
  media: MediaKey & { mediaType: string; length: number; uploadName: string | null; sha256: string; now: number },
): Promise<SameContents | undefined> {
  const [row] = await tx<{ readonly same: SameContents | null }>`
    update media m set media_type = ${media.mediaType}, media_length = ${media.length}, upload_name = ${media.uploadName},
      sha256 = ${media.sha256}, last_access_ts = ${media.now},
      quarantined_by = (select quarantined_by from media where sha256 = ${media.sha256} and quarantined_by is not null limit 1)
    where origin = ${media.origin} and media_id = ${media.mediaId}
    returning
      (select json_build_object('origin', s.origin, 'mediaId', s.media_id, 'filesystemId', s.filesystem_id, 'urlCache', s.url_cache)
       from media s where s.sha256 = m.sha256 and s.media_length = m.media_length limit 1) as same`;
  return row?.same ?? undefined;
}

/** How many bytes a user uploaded since then. */
export async function uploadedSince(db: Db, userId: string, since: number): Promise<number> {
  const [row] = await db<{ total: number }>`
    select coalesce(sum(media_length), 0)::int8 as total from media where user_id = ${userId} and url_cache is null and created_ts > ${since}`;
  return row?.total ?? 0;
}

/** Notes when media were last asked for. */
export async function touchMedia(db: Db, keys: readonly MediaKey[], now: number): Promise<void> {
  await db`
    update media m set last_access_ts = ${now}
    from unnest(${keys.map(({ origin }) => origin)}::text[], ${keys.map(({ mediaId }) => mediaId)}::text[]) k (origin, media_id)
    where m.origin = k.origin and m.media_id = k.media_id and (m.last_access_ts is null or m.last_access_ts < ${now})`;
}

export interface ThumbnailRow {
  readonly width: number;
  readonly height: number;
  readonly mediaType: string;
  readonly method: string;
}

export async function insertThumbnail(db: Db, key: MediaKey, row: ThumbnailRow & { readonly length: number }): Promise<void> {
  await db`
    insert into media_thumbnails (origin, media_id, width, height, media_type, method, media_length)
    select origin, media_id, ${row.width}::int, ${row.height}::int, ${row.mediaType}::text, ${row.method}::text, ${row.length}::int8
    from media where origin = ${key.origin} and media_id = ${key.mediaId}
    on conflict do nothing`;
}

export interface DeletedMedia extends SameContents {
  readonly thumbnails: readonly ThumbnailRow[];
}

/** Removes rows and tells what their files are called. */
export async function deleteMedia(db: Db, keys: readonly MediaKey[]): Promise<DeletedMedia[]> {
  return db<DeletedMedia>`
    with gone as (
      delete from media m
      using unnest(${keys.map(({ origin }) => origin)}::text[], ${keys.map(({ mediaId }) => mediaId)}::text[]) k (origin, media_id)
      where m.origin = k.origin and m.media_id = k.media_id
      returning m.origin, m.media_id, m.filesystem_id, m.url_cache
    ), thumbnails as (
      delete from media_thumbnails t using gone g where t.origin = g.origin and t.media_id = g.media_id
      returning t.origin, t.media_id, t.width, t.height, t.media_type, t.method
    )
    select g.origin, g.media_id as "mediaId", g.filesystem_id as "filesystemId", g.url_cache as "urlCache",
      (select coalesce(json_agg(json_build_object('width', t.width, 'height', t.height, 'mediaType', t.media_type, 'method', t.method)), '[]')
       from thumbnails t where t.origin = g.origin and t.media_id = g.media_id) as thumbnails
    from gone g`;
}
