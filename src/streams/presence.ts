import type { PresenceRow, PresenceState } from "../storage/presence";
import { defineStream } from "./defineStream";
import type { RowCodec } from "./tuple";
import { tuple } from "./tuple";

const wire = tuple({
  userId: "string",
  state: "string",
  lastActiveTs: "int",
  lastFederationUpdateTs: "int",
  lastUserSyncTs: "int",
  statusMsg: "string?",
  currentlyActive: "bool",
});

const row: RowCodec<PresenceRow> = {
  encode: wire.encode,
  decode: (values, start) => {
    const decoded = wire.decode(values, start);
    return { ...decoded, state: decoded.state as PresenceState };
  },
};

/**
 * Presence of users, whole. Lives in the memory of its writer. Who is woken besides the user depends on who shares rooms with
 * them, which takes a look-up: handlers/presence does it.
 */
export const presenceStream = defineStream<PresenceRow>({
  name: "presence",
  writer: "presence",
  sharding: "single",
  row,
  wakes: (presence) => ({ users: [presence.userId] }),
});
