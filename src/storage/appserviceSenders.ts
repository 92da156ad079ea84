import type { Db } from "./db";

/** Where an application service stands. */
export interface AppserviceSender {
  /** The newest transaction, sent or not. */
  readonly txnId: number;
  /** Its body, until the service has taken it. */
  readonly pending: string | null;
  readonly downSinceTs: number | null;
}

/** Makes the row of a service of which nothing was known. */
export async function loadAppserviceSender(db: Db, serviceId: string): Promise<AppserviceSender> {
  const rows = await db<AppserviceSender>`
    insert into appservice_senders as s (service_id) values (${serviceId})
    on conflict (service_id) do update set txn_id = s.txn_id
    returning txn_id as "txnId", pending, down_since_ts as "downSinceTs"`;
  return rows[0] ?? { txnId: 0, pending: null, downSinceTs: null };
}

/** Keeps the next transaction until it is taken. False where another process did so meanwhile. */
export async function storeTransaction(db: Db, serviceId: string, txnId: number, body: string): Promise<boolean> {
  const rows = await db`
    update appservice_senders set txn_id = ${txnId}, pending = ${body}
    where service_id = ${serviceId} and txn_id = ${txnId - 1} and pending is null returning txn_id`;
  return rows.length > 0;
}

/** The service has taken a transaction, and so it works. */
export async function completeTransaction(db: Db, serviceId: string, txnId: number): Promise<void> {
  await db`update appservice_senders set pending = null, down_since_ts = null where service_id = ${serviceId} and txn_id = ${txnId}`;
}

export async function markDown(db: Db, serviceId: string, sinceTs: number): Promise<void> {
  await db`update appservice_senders set down_since_ts = ${sinceTs} where service_id = ${serviceId} and down_since_ts is null`;
}
