import type { Db } from "./db";

/** Tries when several processes store filters of one user at once. */
const ATTEMPTS = 10;

/** Stores a filter (JSON text, with a digest of it) unless the user has an equal one. Gives its id; ids count from 0 for each user. */
export async function addFilter(db: Db, userId: string, filter: string, digest: string): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const rows = await db<{ filterId: number }>`
      with known as (select filter_id from user_filters where user_id = ${userId} and digest = ${digest}),
      made as (
        insert into user_filters (user_id, filter_id, filter, digest)
        select ${userId}, coalesce((select max(filter_id) from user_filters where user_id = ${userId}), -1) + 1, ${filter}, ${digest}
        where not exists (select from known)
        on conflict do nothing
        returning filter_id
      )
      select filter_id as "filterId" from known union all select filter_id from made`;
    const id = rows[0]?.filterId;
    if (id !== undefined) return id;
  }
  throw new Error("storing a filter met a conflict too often");
}

/** The JSON text of a filter. */
export async function getFilter(db: Db, userId: string, filterId: number): Promise<string | undefined> {
  const rows = await db<{ filter: string }>`select filter from user_filters where user_id = ${userId} and filter_id = ${filterId}`;
  return rows[0]?.filter;
}
