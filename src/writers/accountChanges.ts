import type { AccountChange } from "../storage/accountChanges";
import { appendAccountChanges } from "../storage/accountChanges";
import type { Database, Db } from "../storage/db";
import type { NewDeviceListChange } from "../storage/deviceListChanges";
import { appendDeviceListChanges } from "../storage/deviceListChanges";
import { accountsStream } from "../streams/accounts";
import type { StreamRow } from "../storage/streamIds";
import type { StreamDef } from "../streams/defineStream";
import { deviceListsStream } from "../streams/deviceLists";

export interface AccountWriterApp {
  readonly db: Database;
  readonly streams: { publish<Row>(stream: StreamDef<Row>, rows: readonly StreamRow<Row>[]): unknown };
}

/** What a change of an account means for others. */
export interface AccountEffects {
  /** Users whose tokens or flags changed. */
  readonly accounts?: readonly AccountChange[];
  /** Devices and keys that came, changed or went. */
  readonly devices?: readonly NewDeviceListChange[];
}

/**
 * Runs `change` in a transaction and records in the same one what it means for others; tells them after the commit. This process
 * knows of it when the promise resolves, the others soon after. Any process may do this: the locks order the ids.
 */
export async function changeAccounts<T>(
  app: AccountWriterApp,
  change: (tx: Db) => Promise<AccountEffects & { readonly value: T }>,
): Promise<T> {
  const done = await app.db.tx(async (tx) => {
    const { value, devices = [], accounts = [] } = await change(tx);
    // The locks are taken in the order of the streams, and last.
    const deviceRows = await appendDeviceListChanges(tx, deviceListsStream.lockKey, devices);
    const accountRows = await appendAccountChanges(tx, accountsStream.lockKey, accounts);
    return { value, deviceRows, accountRows };
  });
  if (done.accountRows.length > 0) await app.streams.publish(accountsStream, done.accountRows);
  if (done.deviceRows.length > 0) await app.streams.publish(deviceListsStream, done.deviceRows);
  return done.value;
}
