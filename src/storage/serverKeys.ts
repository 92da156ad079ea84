import type { Db } from "./db";

/** A public key of another server; document is the signed JSON object in which it came. */
export interface ServerKeyRow {
  readonly serverName: string;
  readonly keyId: string;
  /** Base64. */
  readonly publicKey: string;
  /** ms since the epoch. */
  readonly validUntil: number;
  readonly fetchedTs: number;
  readonly document: string;
}

/** All keys of a server that were ever seen. */
export async function getServerKeys(db: Db, serverName: string): Promise<ServerKeyRow[]> {
  return db<ServerKeyRow>`
    select server_name as "serverName", key_id as "keyId", public_key as "publicKey", valid_until as "validUntil",
           fetched_ts as "fetchedTs", document
    from server_keys where server_name = ${serverName} order by key_id`;
}

/** A key whose validity was shortened keeps what it had: events were accepted on its word. */
export async function putServerKeys(db: Db, rows: readonly ServerKeyRow[]): Promise<void> {
  await db`
    insert into server_keys as k (server_name, key_id, public_key, valid_until, fetched_ts, document)
    select * from unnest(${rows.map((r) => r.serverName)}::text[], ${rows.map((r) => r.keyId)}::text[],
                         ${rows.map((r) => r.publicKey)}::text[], ${rows.map((r) => r.validUntil)}::int8[],
                         ${rows.map((r) => r.fetchedTs)}::int8[], ${rows.map((r) => r.document)}::text[])
    on conflict (server_name, key_id) do update set public_key = excluded.public_key, valid_until = excluded.valid_until,
      fetched_ts = excluded.fetched_ts, document = excluded.document
      where k.valid_until <= excluded.valid_until`;
}
