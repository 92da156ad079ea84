import type { Db } from "./db";

export interface ExternalIdRow {
  readonly authProvider: string;
  readonly externalId: string;
}

/** The local user behind an id at a provider. */
export async function getExternalUser(db: Db, { authProvider, externalId }: ExternalIdRow): Promise<string | undefined> {
  const rows = await db<{ userId: string }>`
    select user_id as "userId" from external_ids where auth_provider = ${authProvider} and external_id = ${externalId}`;
  return rows[0]?.userId;
}

export async function getExternalIds(db: Db, userId: string): Promise<ExternalIdRow[]> {
  return db<ExternalIdRow>`
    select auth_provider as "authProvider", external_id as "externalId" from external_ids where user_id = ${userId} order by 1, 2`;
}

/** Gives whom the id belongs to from now on: whoever had it keeps it. */
export async function addExternalId(db: Db, { authProvider, externalId }: ExternalIdRow, userId: string): Promise<string> {
  const rows = await db<{ userId: string }>`
    insert into external_ids (auth_provider, external_id, user_id) values (${authProvider}, ${externalId}, ${userId})
    on conflict (auth_provider, external_id) do update set user_id = external_ids.user_id
    returning user_id as "userId"`;
  return rows[0]?.userId ?? userId;
}

/**
 * From now on the user has these ids and no others. False where somebody else has one of them: then roll back. Call it in a transaction.
 */
export async function replaceExternalIds(tx: Db, userId: string, ids: readonly ExternalIdRow[]): Promise<boolean> {
  await tx`delete from external_ids where user_id = ${userId}`;
  for (const id of ids) if ((await addExternalId(tx, id, userId)) !== userId) return false;
  return true;
}
