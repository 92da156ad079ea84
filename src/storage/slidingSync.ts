import type { Db } from "./db";

/** Which sync loop of a device; connId is "" where the client gave none. */
export interface ConnectionKey {
  readonly userId: string;
  readonly deviceId: string;
  readonly connId: string;
}

export interface PositionRow extends ConnectionKey {
  readonly position: number;
  readonly connectionId: number;
  readonly usedTs: number;
  readonly state: string;
}

export interface NewPosition {
  readonly position: number;
  readonly connectionId: number;
}

export async function getPositions(db: Db, positions: readonly number[]): Promise<PositionRow[]> {
  return db<PositionRow>`
    select p.position, p.connection_id as "connectionId", c.user_id as "userId", c.device_id as "deviceId", c.conn_id as "connId",
           c.used_ts as "usedTs", p.state
    from sliding_sync_positions p join sliding_sync_connections c using (connection_id) where p.position = any(${positions}::int8[])`;
}

/** Starts a sync loop anew: its earlier positions are void. */
export async function startConnection(db: Db, key: ConnectionKey, state: string, now: number): Promise<NewPosition> {
  const rows = await db<NewPosition>`
    with old as (
      select connection_id from sliding_sync_connections
      where user_id = ${key.userId} and device_id = ${key.deviceId} and conn_id = ${key.connId}
    ), gone as (
      delete from sliding_sync_positions p using old where p.connection_id = old.connection_id
    ), made as (
      insert into sliding_sync_connections (connection_id, user_id, device_id, conn_id, used_ts)
      values (nextval('sliding_sync_connections_seq'), ${key.userId}, ${key.deviceId}, ${key.connId}, ${now}::int8)
      on conflict (user_id, device_id, conn_id) do update set connection_id = excluded.connection_id, used_ts = excluded.used_ts
      returning connection_id
    )
    insert into sliding_sync_positions (position, connection_id, state)
    select nextval('sliding_sync_positions_seq'), connection_id, ${state}::text from made
    returning position, connection_id as "connectionId"`;
  const [made] = rows;
  if (!made) throw new Error("the connection was not stored");
  return made;
}

/**
 * Adds a position made from `base`. Older ones than that go, and of those made from it the oldest beyond two more: a client that asks
 * again takes one of the newest. Undefined where the connection was started anew meanwhile.
 */
export async function addPosition(
  db: Db,
  { connectionId, base, state, now }: { connectionId: number; base: number; state: string; now: number },
): Promise<number | undefined> {
  const rows = await db<{ position: number }>`
    with live as (
      update sliding_sync_connections set used_ts = ${now}::int8 where connection_id = ${connectionId} returning connection_id
    ), gone as (
      delete from sliding_sync_positions p using live
      where p.connection_id = live.connection_id and (p.position < ${base} or p.position in (
        select position from sliding_sync_positions where connection_id = ${connectionId} and position > ${base}
        order by position desc offset 2))
    )
    insert into sliding_sync_positions (position, connection_id, state)
    select nextval('sliding_sync_positions_seq'), connection_id, ${state}::text from live returning position`;
  return rows[0]?.position;
}

export async function touchConnection(db: Db, connectionId: number, now: number): Promise<void> {
  await db`update sliding_sync_connections set used_ts = ${now} where connection_id = ${connectionId}`;
}

/** Forgets what nobody used since `before`. */
export async function deleteIdleConnections(db: Db, before: number): Promise<void> {
  await db`
    with gone as (delete from sliding_sync_connections where used_ts < ${before} returning connection_id)
    delete from sliding_sync_positions p using gone where p.connection_id = gone.connection_id`;
}

/** Keeps the newest connections of a device. */
export async function deleteSurplusConnections(db: Db, userId: string, deviceId: string, kept: number): Promise<void> {
  await db`
    with gone as (
      delete from sliding_sync_connections where connection_id in (
        select connection_id from sliding_sync_connections where user_id = ${userId} and device_id = ${deviceId}
        order by used_ts desc, connection_id desc offset ${kept})
      returning connection_id
    )
    delete from sliding_sync_positions p using gone where p.connection_id = gone.connection_id`;
}
