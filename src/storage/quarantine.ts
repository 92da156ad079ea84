import type { Db } from "./db";
import type { MediaKey } from "./media";

/**
 * Quarantines media, and all media with the same contents; what is protected stays out of it. Notes the change. Gives how many are newly
 * in quarantine.
 */
export async function quarantineMedia(tx: Db, keys: readonly MediaKey[], by: string): Promise<number> {
  await lockChanges(tx);
  const rows = await tx`
    with named as (
      select origin, media_id, sha256 from media
      join unnest(${keys.map(({ origin }) => origin)}::text[], ${keys.map(({ mediaId }) => mediaId)}::text[]) k (origin, media_id)
        using (origin, media_id)
    ), changed as (
      update media m set quarantined_by = ${by}
      where m.quarantined_by is null and not m.safe_from_quarantine
        and ((m.origin, m.media_id) in (select origin, media_id from named)
          or m.sha256 in (select sha256 from named where sha256 is not null))
      returning origin, media_id
    ), noted as (
      insert into quarantined_media_changes (origin, media_id, quarantined) select origin, media_id, true from changed
    )
    select 1 as changed from changed`;
  return rows.length;
}

/** Lifts it, from all media with the same contents. */
export async function releaseMedia(tx: Db, { origin, mediaId }: MediaKey): Promise<void> {
  await lockChanges(tx);
  await tx`
    with named as (select origin, media_id, sha256 from media where origin = ${origin} and media_id = ${mediaId}),
    changed as (
      update media m set quarantined_by = null
      where m.quarantined_by is not null
        and ((m.origin, m.media_id) in (select origin, media_id from named)
          or m.sha256 in (select sha256 from named where sha256 is not null))
      returning origin, media_id
    )
    insert into quarantined_media_changes (origin, media_id, quarantined) select origin, media_id, false from changed`;
}

/** So that ids of changes are seen in their order. */
async function lockChanges(tx: Db): Promise<void> {
  await tx`lock table quarantined_media_changes in exclusive mode`;
}

export async function quarantineMediaOfUser(tx: Db, userId: string, by: string): Promise<number> {
  const keys = await tx<MediaKey>`
    select origin, media_id as "mediaId" from media where user_id = ${userId} and quarantined_by is null and not safe_from_quarantine`;
  return keys.length === 0 ? 0 : quarantineMedia(tx, keys, by);
}

/** False where there is no such media. */
export async function protectMedia(db: Db, { origin, mediaId }: MediaKey, isProtected: boolean): Promise<boolean> {
  const rows = await db`
    update media set safe_from_quarantine = ${isProtected} where origin = ${origin} and media_id = ${mediaId} returning 1 as found`;
  return rows.length > 0;
}

export interface QuarantineChange extends MediaKey {
  readonly id: number;
  readonly quarantined: boolean;
}

export async function quarantineChangesAfter(db: Db, after: number, limit: number): Promise<QuarantineChange[]> {
  return db<QuarantineChange>`
    select id, origin, media_id as "mediaId", quarantined from quarantined_media_changes where id > ${after} order by id limit ${limit}`;
}
