import type { Config } from "../config/config";
import type { Db } from "../storage/db";
import { cancelOvertaken } from "../storage/delayedEvents";
import type { Placed } from "./pendingEvent";

const CANCELLED = { errcode: "M_CANCELLED_BY_STATE_UPDATE", error: "Somebody else has set this state since" };

/** Cancels delayed state events whose state somebody else has set by now, where there are delayed events (MSC4140, as Synapse has it). */
export async function cancelOvertakenBy(
  db: Db,
  config: Pick<Config, "max_event_delay_duration">,
  placed: readonly Placed[],
): Promise<void> {
  if (config.max_event_delay_duration === undefined) return;
  const states = placed.flatMap(({ pending: { built }, row: { type, stateKey, sender } }) =>
    stateKey !== null && built.moves.some(({ nid }) => nid === built.nid)
      ? [{ roomId: built.tip.room.roomId, type, stateKey, sender }]
      : [],
  );
  const now = placed.at(-1)?.row.receivedTs ?? 0;
  if (states.length > 0) await cancelOvertaken(db, states, now, CANCELLED);
}
