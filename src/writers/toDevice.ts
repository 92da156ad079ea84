import type { Clock } from "../lib/clock";
import type { ReplicationLog } from "../replication/log";
import type { Fences } from "../replication/ownership";
import { defineRpc } from "../replication/rpc";
import { createStreamWriter } from "../replication/streamWriter";
import type { StreamWriter } from "../replication/streamWriter";
import type { Streams } from "../replication/streams";
import type { Database } from "../storage/db";
import { insertToDevice } from "../storage/toDevice";
import type { ToDeviceRequest } from "../storage/toDevice";
import { toDeviceStream } from "../streams/toDevice";
import { oneStatement } from "./oneStatement";

export type ToDeviceWriter = StreamWriter<ToDeviceRequest>;

/** Queues messages for devices, many requests at once. */
export function createToDeviceWriter(deps: {
  db: Database;
  streams: Streams;
  log: ReplicationLog;
  clock: Clock;
  ownership: Fences;
}): ToDeviceWriter {
  return createStreamWriter<ToDeviceRequest, { entity: string }>({
    stream: toDeviceStream,
    ...deps,
    db: oneStatement(deps.db),
    // A request may go to hundreds of devices with 64 KiB for each.
    maxBatch: 100,
    fence: () => deps.ownership.fence(toDeviceStream.writer),
    insert: async (db, requests, lock) => {
      const changes = await insertToDevice(db, lock, deps.clock.now(), requests);
      return changes.map(({ id, entity }) => ({ id, row: { entity } }));
    },
  });
}

/** Queues messages at the sender's writer of to-device messages. A transaction that is known already changes nothing. */
export const queueToDevice = defineRpc<{ readonly userData: { readonly toDeviceWriter: ToDeviceWriter } }, ToDeviceRequest, number>({
  name: "queue_to_device",
  owner: (request) => ({ stream: "to_device", key: request.sender }),
  batch: 32,
  repeatable: true,
  handle: (app, requests) => Promise.all(requests.map((request) => app.userData.toDeviceWriter.submit(request))),
});
