import type { Db } from "./db";

/** Where a reader of a space's hierarchy stopped. `request` and `rest` are JSON text. */
export interface HierarchyPageRow {
  readonly token: string;
  readonly userId: string;
  readonly request: string;
  readonly rest: string;
  readonly expiresTs: number;
}

export async function insertHierarchyPage(db: Db, page: HierarchyPageRow): Promise<void> {
  await db`
    insert into hierarchy_pages (token, user_id, request, rest, expires_ts)
    values (${page.token}, ${page.userId}, ${page.request}, ${page.rest}, ${page.expiresTs})`;
}

/** The page may be asked for again until its time is over: an answer can get lost on its way. */
export async function getHierarchyPage(db: Db, token: string, userId: string, now: number): Promise<HierarchyPageRow | undefined> {
  const rows = await db<HierarchyPageRow>`
    select token, user_id as "userId", request, rest, expires_ts as "expiresTs" from hierarchy_pages
    where token = ${token} and user_id = ${userId} and expires_ts > ${now}`;
  return rows[0];
}

export async function deleteExpiredHierarchyPages(db: Db, now: number): Promise<void> {
  await db`delete from hierarchy_pages where expires_ts <= ${now}`;
}
