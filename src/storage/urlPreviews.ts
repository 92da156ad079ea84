import type { Db } from "./db";

/** The stored answer for an address (JSON), unless it is too old. */
export async function getUrlPreview(db: Db, url: string, now: number): Promise<string | undefined> {
  const [row] = await db<{ preview: string }>`select preview from url_previews where url = ${url} and expires_ts > ${now}`;
  return row?.preview;
}

export async function putUrlPreview(db: Db, row: { url: string; fetchedTs: number; expiresTs: number; preview: string }): Promise<void> {
  await db`
    insert into url_previews (url, fetched_ts, expires_ts, preview) values (${row.url}, ${row.fetchedTs}, ${row.expiresTs}, ${row.preview})
    on conflict (url) do update set fetched_ts = excluded.fetched_ts, expires_ts = excluded.expires_ts, preview = excluded.preview`;
}

/** Gives how many went. */
export async function deleteOldUrlPreviews(db: Db, before: number, limit: number): Promise<number> {
  const rows = await db`
    delete from url_previews where url in (select url from url_previews where expires_ts < ${before} order by expires_ts limit ${limit})
    returning 1 as gone`;
  return rows.length;
}
