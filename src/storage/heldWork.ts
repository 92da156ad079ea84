import type { Db } from "./db";

/** Work that administrators may hold up. */
export type HoldableWork = "background_updates";

export async function holdWork(db: Db, name: HoldableWork): Promise<void> {
  await db`insert into held_work (name) values (${name}) on conflict do nothing`;
}

export async function letWorkGoOn(db: Db, name: HoldableWork): Promise<void> {
  await db`delete from held_work where name = ${name}`;
}

export async function isHeld(db: Db, name: HoldableWork): Promise<boolean> {
  return (await db`select 1 from held_work where name = ${name}`).length > 0;
}
