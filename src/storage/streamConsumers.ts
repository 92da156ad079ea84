import type { Db } from "./db";

/** How far a consumer has come in a stream: all up to the position has been dealt with. */
export interface ConsumerPosition {
  readonly name: string;
  readonly stream: string;
  readonly position: number;
}

/** Consumers that never did anything have none. */
export async function consumerPositions(db: Db, names: readonly string[]): Promise<ConsumerPosition[]> {
  return db<ConsumerPosition>`select name, stream, position from stream_consumers where name = any(${names}::text[])`;
}

/** Positions only grow, so a late write of a process that was replaced does no harm. */
export async function saveConsumerPositions(db: Db, positions: readonly ConsumerPosition[]): Promise<void> {
  if (positions.length === 0) return;
  await db`
    insert into stream_consumers (name, stream, position)
    select * from unnest(${positions.map((p) => p.name)}::text[], ${positions.map((p) => p.stream)}::text[],
                         ${positions.map((p) => p.position)}::int8[]) as p(name, stream, position) order by 1, 2
    on conflict (name, stream) do update set position = excluded.position
      where stream_consumers.position < excluded.position`;
}

/** How far the consumer has come in the stream; undefined when it never did anything. */
export async function getConsumerPosition(db: Db, name: string, stream: string): Promise<number | undefined> {
  return (await consumerPositions(db, [name])).find((row) => row.stream === stream)?.position;
}

export async function saveConsumerPosition(db: Db, name: string, stream: string, position: number): Promise<void> {
  await saveConsumerPositions(db, [{ name, stream, position }]);
}
