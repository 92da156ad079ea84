import type { Db } from "./db";

/** Keeps what an invitation from elsewhere says of its room. state: JSON text of a list of stripped events. */
export async function insertStrippedState(db: Db, nid: number, state: string): Promise<void> {
  await db`insert into stripped_states (nid, state) values (${nid}, ${state}) on conflict (nid) do update set state = excluded.state`;
}

export async function getStrippedStates(db: Db, nids: readonly number[]): Promise<{ nid: number; state: string }[]> {
  return db`select nid, state from stripped_states where nid = any(${nids}::int8[])`;
}
