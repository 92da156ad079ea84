import type { Db } from "./db";

/** How far the consumer has come in the stream; undefined when it never did anything. */
export async function getConsumerPosition(db: Db, name: string, stream: string): Promise<number | undefined> {
  const rows = await db<{ position: number }>`select position from stream_consumers where name = ${name} and stream = ${stream}`;
  return rows[0]?.position;
}

/** Positions only grow, so a late write of a process that was replaced does no harm. */
export async function saveConsumerPosition(db: Db, name: string, stream: string, position: number): Promise<void> {
  await db`
    insert into stream_consumers (name, stream, position) values (${name}, ${stream}, ${position})
    on conflict (name, stream) do update set position = excluded.position
      where stream_consumers.position < excluded.position`;
}
