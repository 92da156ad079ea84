import type { Db } from "./db";

/** Notes a fact that never changes, and gives what was noted first. */
export async function settleFact(db: Db, name: string, value: string): Promise<string> {
  const rows = await db<{ value: string }>`
    with added as (insert into server_facts (name, value) values (${name}, ${value}) on conflict (name) do nothing returning value)
    select value from added union all select value from server_facts where name = ${name} limit 1`;
  return rows[0]?.value ?? value;
}
