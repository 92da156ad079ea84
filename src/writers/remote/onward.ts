import type { EventReader, StoredEvent } from "../../caches/events";
import type { PartialRooms } from "../../caches/partialRooms";
import type { StateKeys } from "../../caches/stateKeys";
import { packedGet } from "../../lib/packedMap";
import { checkAuthEvents, lookupOf } from "../../rooms/auth/authEvents";
import { checkAuth } from "../../rooms/auth/check";
import type { RoomEvent } from "../../rooms/event";
import { advance, pairKey } from "../buildOnTip";
import type { BuiltOnTip } from "../buildOnTip";
import { eventOf } from "../checkedPdu";
import type { IdBlock } from "../idBlocks";
import type { QueuedRequest } from "../roomWork";
import type { RoomTip } from "../roomTip";
import { concernsRedaction } from "./redactions";
import type { RedactionDeps } from "./redactions";
import { pairsFor } from "./remoteBuild";
import { groupAfter } from "./remoteStore";

export interface OnwardDeps extends Pick<RedactionDeps, "redactedEarly"> {
  readonly caches: {
    readonly events: Pick<EventReader, "cached" | "isCached">;
    readonly stateKeys: Pick<StateKeys, "cached">;
    readonly partialRooms: Pick<PartialRooms, "cached">;
  };
  readonly eventNids: Pick<IdBlock, "takeReady">;
  readonly groupIds: Pick<IdBlock, "takeReady">;
}

/**
 * Builds an event that simply goes on: it follows the room's only end, so that the state before it is that of the room, and may stand. That is
 * what most events are, and comes to the same as the long way does, but from memory alone and without a promise. The event must
 * be new here, and no stored one redact it. Undefined where anything is otherwise or not at hand.
 */
export function buildOnward(deps: OnwardDeps, request: QueuedRequest, tip: RoomTip): BuiltOnTip | undefined {
  const { caches, eventNids, groupIds } = deps;
  const { room, group, extremities } = tip;
  if (request.kind !== "event" || request.suspect) return undefined;
  const [end] = extremities;
  if (!end || extremities.length > 1 || caches.partialRooms.cached(room.nid) !== false) return undefined;
  const event = eventOf(room, request.event);
  if (concernsRedaction(deps, event) || caches.events.isCached(event.eventId)) return undefined;
  if (event.prevEvents.length !== 1 || event.prevEvents[0] !== end.eventId || event.type === "m.room.create") return undefined;
  if (groupAfter(room, caches.events.cached(end.nid)) !== group.id) return undefined;
  const state = stateFor(caches, event, tip);
  if (!state || !mayStand(event, state)) return undefined;
  const keyNid = event.stateKey === undefined ? undefined : caches.stateKeys.cached(event.type, event.stateKey);
  if (event.stateKey !== undefined && keyNid === undefined) return undefined;
  const [nid] = eventNids.takeReady(1) ?? [];
  const [groupId] = keyNid === undefined ? [0] : (groupIds.takeReady(1) ?? []);
  if (nid === undefined || groupId === undefined) return undefined;
  return advance(tip, { event, json: request.event.json }, { state, keyNid }, { nid, groupId });
}

/** What rules may ask the room's state for, and what the event takes the place of. Undefined where some of it is not in memory. */
function stateFor(caches: OnwardDeps["caches"], event: RoomEvent, { group }: RoomTip): Map<string, StoredEvent> | undefined {
  const pairs = pairsFor(event);
  if (event.stateKey !== undefined) pairs.push([event.type, event.stateKey]);
  const state = new Map<string, StoredEvent>();
  for (const [type, stateKey] of pairs) {
    const key = caches.stateKeys.cached(type, stateKey);
    if (key === undefined) return undefined;
    const nid = packedGet(group.state, key);
    const stored = nid === undefined ? undefined : caches.events.cached(nid);
    if (stored) state.set(pairKey(type, stateKey), stored);
    else if (nid !== undefined) return undefined;
  }
  return state;
}

/** The checks at the auth events and at the state (server-server API, "Checks performed on receipt of a PDU", 4 to 6), where all that is cited holds. */
function mayStand(event: RoomEvent, state: ReadonlyMap<string, StoredEvent>): boolean {
  const { version } = event;
  const ids = new Set(event.authEvents);
  const cited = [...new Set(state.values())].filter(({ row }) => ids.has(row.eventId));
  if (cited.length !== ids.size) return false;
  const create = state.get(pairKey("m.room.create", ""));
  const atAuth = lookupOf([...(create && !version.auth.createInAuthEvents ? [create.event] : []), ...cited.map((auth) => auth.event)]);
  return (
    checkAuthEvents(
      version,
      event,
      cited.map((auth) => ({ event: auth.event, rejected: auth.row.rejected !== null })),
    ).allowed &&
    checkAuth(version, event, atAuth).allowed &&
    checkAuth(version, event, (type, key) => state.get(pairKey(type, key))?.event).allowed
  );
}
