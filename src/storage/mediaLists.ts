import type { Db } from "./db";
import type { MediaKey } from "./media";

/** What administrators see of a user's media. */
export interface ListedMedia {
  readonly media_id: string;
  readonly media_type: string | null;
  readonly media_length: number | null;
  readonly upload_name: string | null;
  readonly created_ts: number;
  readonly last_access_ts: number | null;
  readonly quarantined_by: string | null;
  readonly safe_from_quarantine: boolean;
}

export type MediaOrder = keyof ListedMedia;

export interface MediaPage {
  readonly from: number;
  readonly limit: number;
  readonly orderBy: MediaOrder;
  readonly dir: "f" | "b";
}

/** A page of what a user uploaded, and how much there is in all. */
export async function mediaOfUser(db: Db, userId: string, page: MediaPage): Promise<{ media: ListedMedia[]; total: number }> {
  const { orderBy, dir, from, limit } = page;
  const [media, [count]] = await Promise.all([
    db<ListedMedia>`
      select media_id, media_type, media_length, upload_name, created_ts, last_access_ts, quarantined_by, safe_from_quarantine
      from media, lateral (select
        case ${orderBy} when 'created_ts' then created_ts when 'last_access_ts' then last_access_ts when 'media_length' then media_length
          when 'safe_from_quarantine' then safe_from_quarantine::int end as number,
        case ${orderBy} when 'media_id' then media_id when 'media_type' then media_type when 'upload_name' then upload_name
          when 'quarantined_by' then quarantined_by end as text) as key
      where user_id = ${userId} and url_cache is null
      order by number * (case when ${dir} = 'f' then 1 else -1 end) nulls first,
        case when ${dir} = 'f' then text end asc nulls first, case when ${dir} = 'b' then text end desc nulls last, media_id
      limit ${limit} offset ${from}`,
    db<{ total: number }>`select count(*) as total from media where user_id = ${userId} and url_cache is null`,
  ]);
  return { media, total: count?.total ?? 0 };
}

/** Addresses of media in what was sent to a room without encryption, by text: the caller finds them. */
export async function textsWithMedia(db: Db, roomId: string, after: number, limit: number): Promise<{ nid: number; json: string }[]> {
  return db<{ nid: number; json: string }>`
    select e.nid, e.json from events e join rooms r using (room_nid)
    where r.room_id = ${roomId} and e.nid > ${after} and e.json like '%mxc://%' order by e.nid limit ${limit}`;
}

export interface Unused {
  readonly before: number;
  readonly limit: number;
}

/** Our own media that nobody asked for since; pictures of users and rooms stay, as does what is protected or in quarantine. */
export async function unusedOwnMedia(
  db: Db,
  serverName: string,
  { before, limit, largerThan = -1, keepProfiles = true }: Unused & { largerThan?: number; keepProfiles?: boolean },
): Promise<MediaKey[]> {
  return db<MediaKey>`
    select m.origin, m.media_id as "mediaId" from media m
    where m.origin = ${serverName} and m.url_cache is null and m.media_length > ${largerThan}
      and coalesce(m.last_access_ts, m.created_ts) < ${before}
      and m.quarantined_by is null and not m.safe_from_quarantine
      and not (${keepProfiles} and (
        exists (select 1 from profiles p where p.avatar_url = 'mxc://' || m.origin || '/' || m.media_id)
        or exists (select 1 from room_members r where r.avatar_url = 'mxc://' || m.origin || '/' || m.media_id)
        or exists (select 1 from room_stats s where s.avatar_url = 'mxc://' || m.origin || '/' || m.media_id)))
    order by m.media_id limit ${limit}`;
}

/** Copies of other servers' media that nobody asked for since. */
export async function unusedCopies(db: Db, serverName: string, { before, limit }: Unused): Promise<MediaKey[]> {
  return db<MediaKey>`
    select origin, media_id as "mediaId" from media
    where origin <> ${serverName} and coalesce(last_access_ts, created_ts) < ${before} and quarantined_by is null limit ${limit}`;
}

/** Images of previews that are older. */
export async function oldPreviewMedia(db: Db, { before, limit }: Unused): Promise<MediaKey[]> {
  return db<MediaKey>`
    select origin, media_id as "mediaId" from media where url_cache is not null and created_ts < ${before} limit ${limit}`;
}

/** Ids that were given out and never used. */
export async function expiredPendingMedia(db: Db, { before, limit }: Unused): Promise<MediaKey[]> {
  return db<MediaKey>`
    select origin, media_id as "mediaId" from media where media_length is null and created_ts < ${before} limit ${limit}`;
}

export interface MediaUse {
  readonly user_id: string;
  readonly displayname: string | null;
  readonly media_count: number;
  readonly media_length: number;
}

export interface MediaUsePage {
  readonly from: number;
  readonly limit: number;
  readonly orderBy: keyof MediaUse;
  readonly dir: "f" | "b";
  readonly fromTs: number;
  readonly untilTs: number;
  readonly search: string | undefined;
}

/** How much each user uploaded. */
export async function mediaUse(db: Db, page: MediaUsePage): Promise<{ users: MediaUse[]; total: number }> {
  const { orderBy, dir, search, from, limit } = page;
  const rows = await db<MediaUse & { total: number }>`
    with found as (
      select m.user_id, p.displayname, count(*) as media_count, coalesce(sum(m.media_length), 0)::int8 as media_length
      from media m left join profiles p using (user_id)
      where m.user_id is not null and m.url_cache is null and m.created_ts >= ${page.fromTs} and m.created_ts <= ${page.untilTs}
        and (${search}::text is null or strpos(lower(m.user_id), lower(${search})) > 0 or strpos(lower(p.displayname), lower(${search})) > 0)
      group by m.user_id, p.displayname
    )
    select user_id, displayname, media_count, media_length, count(*) over () as total from found
    order by
      case when ${orderBy} = 'media_count' then media_count when ${orderBy} = 'media_length' then media_length end
        * (case when ${dir} = 'f' then 1 else -1 end),
      case when ${dir} = 'f' then case when ${orderBy} = 'displayname' then displayname else user_id end end asc,
      case when ${dir} = 'b' then case when ${orderBy} = 'displayname' then displayname else user_id end end desc,
      user_id
    limit ${limit} offset ${from}`;
  return { users: rows.map(({ total: _total, ...user }) => user), total: rows[0]?.total ?? 0 };
}
