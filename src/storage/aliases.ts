import type { Db } from "./db";

export interface AliasRow {
  readonly alias: string;
  readonly roomId: string;
  readonly creator: string | null;
}

export async function getAliases(db: Db, aliases: readonly string[]): Promise<AliasRow[]> {
  return db<AliasRow>`select alias, room_id as "roomId", creator from room_aliases where alias = any(${aliases}::text[])`;
}

/** False where the alias points somewhere already. */
export async function insertAlias(db: Db, row: AliasRow): Promise<boolean> {
  const rows = await db`
    insert into room_aliases (alias, room_id, creator) values (${row.alias}, ${row.roomId}, ${row.creator})
    on conflict (alias) do nothing returning alias`;
  return rows.length > 0;
}

/** False where there was no such alias. */
export async function deleteAlias(db: Db, alias: string): Promise<boolean> {
  const rows = await db`delete from room_aliases where alias = ${alias} returning alias`;
  return rows.length > 0;
}

export async function aliasesOfRooms(db: Db, roomIds: readonly string[]): Promise<AliasRow[]> {
  return db<AliasRow>`
    select alias, room_id as "roomId", creator from room_aliases where room_id = any(${roomIds}::text[]) order by alias`;
}

export async function moveAliases(db: Db, from: string, to: string): Promise<void> {
  await db`update room_aliases set room_id = ${to} where room_id = ${from}`;
}
