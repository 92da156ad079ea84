import { setImmediate as turn } from "node:timers/promises";
import { createRoomTails } from "../../../src/caches/roomTails";
import { holdOwnEchoes } from "../../../src/handlers/sync/ownEchoes";
import { requesterFor } from "../../../src/handlers/requester";

const me = requesterFor("@me:x", { deviceId: "PHONE" });
const NOW = 1_000_000;

interface Case {
  readonly sender?: string;
  readonly txnDevice?: string;
  readonly txnId?: string | null;
  readonly receivedTs?: number;
  readonly since?: number;
  readonly isCached?: boolean;
  readonly isAlone?: boolean;
}

/** Whether a sync is held up that has an event at position 7 to tell of. */
async function isHeld(event: Case): Promise<boolean> {
  const { sender = me.userId, txnDevice = "PHONE", txnId = "t1", receivedTs = NOW - 10, since = 5, isCached = true, isAlone } = event;
  const tails = createRoomTails(() => 1, 10);
  tails.push(3, { streamOrdering: 7, nid: 70, sender, type: "m.room.message", keyNid: undefined, prevNid: undefined });
  const app = {
    freshness: isAlone ? undefined : {},
    clock: { now: () => NOW },
    streams: { position: () => 7 },
    caches: {
      tails,
      events: { cached: () => (isCached ? { row: { txnDevice, txnId, receivedTs } } : undefined) },
      memberships: { ofUser: () => Promise.resolve(new Map([[3, { roomNid: 3 }]])) },
    },
  };
  return Promise.race([holdOwnEchoes(app as never, me, since).then(() => false), turn(true)]);
}

test.each<[boolean, string, Case]>([
  [true, "its device sent just now", {}],
  [true, "its user sent, nobody here knows from which device", { isCached: false }],
  [false, "somebody else sent", { sender: "@you:x" }],
  [false, "another device of the user sent", { txnDevice: "LAPTOP" }],
  [false, "was sent without a transaction id, as state is", { txnId: null }],
  [false, "was sent long ago", { receivedTs: NOW - 60_000 }],
  [false, "the client has already", { since: 7 }],
  [false, "its device sent, where one process does all", { isAlone: true }],
])("held %s: a sync with what %s", async (held, _, event) => {
  expect(await isHeld(event)).toBe(held);
});
