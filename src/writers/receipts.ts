import type { ReplicationLog } from "../replication/log";
import type { Fences } from "../replication/ownership";
import { defineRpc } from "../replication/rpc";
import { createStreamWriter } from "../replication/streamWriter";
import type { StreamWriter } from "../replication/streamWriter";
import type { Streams } from "../replication/streams";
import type { Database } from "../storage/db";
import { insertReceipts } from "../storage/receipts";
import type { Receipt } from "../storage/receipts";
import { receiptsStream } from "../streams/receipts";
import { oneStatement } from "./oneStatement";

export type ReceiptWriter = StreamWriter<Receipt>;

/** Stores receipts many at once. */
export function createReceiptWriter(deps: { db: Database; streams: Streams; log: ReplicationLog; ownership: Fences }): ReceiptWriter {
  return createStreamWriter<Receipt, Receipt>({
    stream: receiptsStream,
    ...deps,
    db: oneStatement(deps.db),
    fence: () => deps.ownership.fence(receiptsStream.writer),
    insert: async (db, receipts, lock) => {
      const stored = await insertReceipts(db, lock, receipts);
      return stored.map(({ streamId, ...row }) => ({ id: streamId, row }));
    },
  });
}

/** Stores a receipt at the room's writer of receipts. One that is behind the stored one changes nothing. */
export const sendReceipt = defineRpc<{ readonly userData: { readonly receiptWriter: ReceiptWriter } }, Receipt, number>({
  name: "send_receipt",
  owner: (receipt) => ({ stream: "receipts", key: receipt.roomId }),
  batch: 64,
  repeatable: true,
  handle: (app, receipts) => Promise.all(receipts.map((receipt) => app.userData.receiptWriter.submit(receipt))),
});
