import type { StoredEvent } from "../../caches/events";
import { packedGet } from "../../lib/packedMap";
import { membershipOf } from "../../writers/eventFacts";
import type { App } from "../app";

export type ErasureApp = Pick<App, "accounts" | "caches">;

/**
 * Events as a reader may have them: what erased users said is in its redacted form for whoever was not in the room then (client-server
 * API, "POST /account/deactivate", `erase`). All others stay the same objects, and while nobody is erased no event is looked at.
 */
export async function withoutErased(app: ErasureApp, userId: string, events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
  const erased = await app.accounts.erased();
  if (erased.size === 0) return events;
  const theirs = events.filter(({ sender }) => erased.has(sender));
  if (theirs.length === 0) return events;
  const attended = await attendedBy(app, userId, theirs);
  return events.map((event) => (erased.has(event.sender) && !attended.has(event) ? event.redacted() : event));
}

/** Those of the events before or after which the user was in the room. */
async function attendedBy(
  { caches }: Pick<App, "caches">,
  userId: string,
  events: readonly StoredEvent[],
): Promise<ReadonlySet<StoredEvent>> {
  const [[key], groups] = await Promise.all([
    caches.stateKeys.find([["m.room.member", userId]]),
    caches.roomState.groups([...new Set(events.flatMap(({ row }) => row.stateGroup ?? []))]),
  ]);
  if (key === undefined) return new Set();
  /** Numbers of the member events that held before and after an event. */
  const membersAt = ({ row }: StoredEvent): readonly number[] => {
    const state = groups.get(row.stateGroup ?? 0);
    const after = state && packedGet(state, key);
    if (after === undefined) return [];
    return after === row.nid && row.replacesNid !== null ? [after, row.replacesNid] : [after];
  };
  const members = await caches.events.byNids([...new Set(events.flatMap(membersAt))]);
  return new Set(events.filter((event) => membersAt(event).some((nid) => membershipOf(members.get(nid)?.shown) === "join")));
}
