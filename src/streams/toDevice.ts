import { toDeviceStreamBetween } from "../storage/toDevice";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** That messages wait for devices of a user, or for another server: user ids start with @, other entities are server names. */
export const toDeviceStream = defineStream({
  name: "to_device",
  writer: "to_device",
  sharding: "user",
  sequence: "to_device_stream_seq",
  row: tuple({ entity: "string" }),
  catchUp: toDeviceStreamBetween,
  wakes: (row) => (row.entity.startsWith("@") ? { users: [row.entity] } : {}),
});
