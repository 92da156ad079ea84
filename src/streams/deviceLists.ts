import { deviceListChangesBetween } from "../storage/deviceListChanges";
import type { DeviceListChange } from "../storage/deviceListChanges";
import { defineStream } from "./defineStream";
import type { RowCodec } from "./tuple";
import { tuple } from "./tuple";

const row = tuple({ userId: "string", deviceId: "string", what: "string", audience: "string?" }) as unknown as RowCodec<DeviceListChange>;

/**
 * Devices and keys of users that came, changed or went, of other servers too. Ids are taken under the stream's lock in the transaction
 * of the change, on whichever process makes it. Whom it concerns (who shares rooms with the user) is for the reader to find out.
 */
export const deviceListsStream = defineStream<DeviceListChange>({
  name: "device_lists",
  writer: "device_lists",
  sharding: "user",
  sequence: "device_lists_stream_seq",
  row,
  catchUp: deviceListChangesBetween,
  wakes: ({ userId, audience }) => ({ users: [audience ?? userId] }),
});
