import type { Caches } from "../caches/caches";
import type { StoredEvent } from "../caches/events";
import type { RoomInfo } from "../caches/rooms";
import { storedGroup } from "../caches/stateGroups";
import type { StateGroup } from "../caches/stateGroups";
import type { StatePair } from "../caches/stateKeys";
import { canonicalJson } from "../lib/canonicalJson";
import type { JsonObject } from "../lib/json";
import { packedGet, packedMerge, packedOne } from "../lib/packedMap";
import { authEventKeys } from "../rooms/auth/authEvents";
import { mayRedact } from "../rooms/auth/redaction";
import { checkAuth } from "../rooms/auth/check";
import { buildEvent } from "../rooms/buildEvent";
import type { BuiltEvent } from "../rooms/buildEvent";
import type { RoomEvent, SigningKey } from "../rooms/event";
import type { StateGroupRow } from "../storage/state";
import type { SendIntent, SendRefusal } from "./intents";
import { MAX_PREV_EVENTS, refOf } from "./roomTip";
import type { RoomTip } from "./roomTip";
import { withAhead } from "./withAhead";

/** State events that a build needs: those of authorisation, and what a state event takes the place of. */
export interface BuildInputs {
  /** Wanted pairs that are in the state, by `type NUL state_key`. */
  readonly state: ReadonlyMap<string, StoredEvent>;
  /** The interned key of a state event. */
  readonly keyNid: number | undefined;
}

/** How an event moves one key of the room's current state. */
export interface CurrentMove {
  readonly keyNid: number;
  readonly prev: StoredEvent | undefined;
  readonly nid: number | undefined;
}

/** An event put on a tip, and the tip after it. Nothing is stored yet. */
export interface BuiltOnTip extends BuiltEvent {
  readonly nid: number;
  readonly tip: RoomTip;
  readonly before: RoomTip;
  /** False where the event leaves the room as it is: rejected, soft-failed, older than what is known, or in a room that we are not in. */
  readonly movesTip: boolean;
  /** State groups to store, and that after the event; undefined where its place is not known. */
  readonly groups: readonly StateGroupRow[];
  readonly after: StateGroup | undefined;
  /** How the current state moves. One of the event's own key, except where states had to be resolved. */
  readonly moves: readonly CurrentMove[];
  readonly replaces: StoredEvent | undefined;
  readonly verdict: { readonly rejected: string | null; readonly softFailed: boolean };
}

/** The verdict on an event that may stand. */
export const accepted: BuiltOnTip["verdict"] = { rejected: null, softFailed: false };

/** The events that come into the current state besides the one that was built. */
export const brought = ({ moves, nid: own }: Pick<BuiltOnTip, "moves" | "nid">): number[] =>
  moves.flatMap(({ nid }) => (nid === undefined || nid === own ? [] : [nid]));

export const pairKey = (type: string, stateKey: string): string => `${type}\u0000${stateKey}`;

export function refusal(status: number, errcode: string, message: string, extra: JsonObject = {}): SendRefusal {
  return { status, errcode, message, extra };
}

/** The pairs whose events a build of this intent reads. */
export function neededPairs(room: RoomInfo, intent: SendIntent): StatePair[] {
  const stateKey = intent.stateKey ?? undefined;
  const pairs: StatePair[] = [...authEventKeys(room.version, { ...intent, stateKey })];
  // Rules look at these even where they are not among the auth events, such as the create event of version 12.
  pairs.push(["m.room.create", ""]);
  if (stateKey !== undefined) pairs.push([intent.type, stateKey]);
  return pairs;
}

/** Reads what a build needs. `pending` holds the events that are built and not stored yet. */
export async function loadInputs(
  caches: Pick<Caches, "stateKeys" | "events">,
  tip: RoomTip,
  intent: SendIntent,
  pending: ReadonlyMap<number, StoredEvent>,
): Promise<BuildInputs> {
  const pairs = neededPairs(tip.room, intent);
  const [keyNid] = intent.stateKey === null ? [undefined] : await caches.stateKeys.intern([[intent.type, intent.stateKey]]);
  const keyNids = await caches.stateKeys.find(pairs);
  const nids = keyNids.map((key) => (key === undefined ? undefined : packedGet(tip.group.state, key)));
  const found = await withAhead(nids.filter((nid) => nid !== undefined) as number[], pending, caches.events.byNids);
  const state = new Map<string, StoredEvent>();
  pairs.forEach(([type, key], i) => {
    const nid = nids[i];
    const event = nid === undefined ? undefined : found.get(nid);
    if (event) state.set(pairKey(type, key), event);
  });
  return { state, keyNid };
}

/** The state event that says the same already: sending it again changes nothing, so its id is the answer. */
export function sameState(intent: SendIntent, inputs: BuildInputs): StoredEvent | undefined {
  if (intent.stateKey === null) return undefined;
  const current = inputs.state.get(pairKey(intent.type, intent.stateKey));
  if (!current || current.row.sender !== intent.sender || current.row.redactedBy !== null) return undefined;
  return canonicalJson(current.event.content) === canonicalJson(intent.content) ? current : undefined;
}

/** What a build takes besides the room: time and ids. */
export interface BuildContext {
  readonly key: SigningKey;
  readonly now: number;
  readonly nid: number;
  /** For the state group of a state event. */
  readonly groupId: number;
  /** A new random id, for versions 1 and 2. */
  readonly opaqueId: () => string;
}

/** The state group after a state event, and the row that stores it. */
export function nextGroup(
  tip: Pick<RoomTip, "room" | "group">,
  keyNid: number,
  nid: number,
  id: number,
): { group: StateGroup; row: StateGroupRow } {
  const delta = packedOne(keyNid, nid);
  const state = packedMerge(tip.group.state, delta);
  return storedGroup(id, tip.room.nid, tip.group.id === 0 ? undefined : tip.group, { state, delta });
}

/** The tip after `event` was put on it. */
export function advance(before: RoomTip, built: BuiltEvent, inputs: BuildInputs, ids: Pick<BuildContext, "nid" | "groupId">): BuiltOnTip {
  const { event } = built;
  const next = inputs.keyNid === undefined ? undefined : nextGroup(before, inputs.keyNid, ids.nid, ids.groupId);
  const replaces = event.stateKey === undefined ? undefined : inputs.state.get(pairKey(event.type, event.stateKey));
  const tip: RoomTip = {
    room: before.room,
    version: before.version + 1,
    extremities: [{ nid: ids.nid, ...refOf({ room: before.room, event, row: { eventId: event.eventId } } as StoredEvent) }],
    // other servers say how deep their events are
    depth: Math.max(before.depth, event.depth),
    group: next?.group ?? before.group,
  };
  return {
    ...built,
    nid: ids.nid,
    tip,
    before,
    movesTip: true,
    groups: next ? [next.row] : [],
    after: tip.group,
    moves: inputs.keyNid === undefined ? [] : [{ keyNid: inputs.keyNid, prev: replaces, nid: ids.nid }],
    replaces,
    verdict: accepted,
  };
}

/** Builds, signs and authorises an event on a tip: pure but for the key. */
export function buildOnTip(
  tip: RoomTip,
  intent: SendIntent,
  inputs: BuildInputs,
  context: BuildContext,
): BuiltOnTip | { refused: SendRefusal } {
  const { version, roomId } = tip.room;
  const stateKey = intent.stateKey ?? undefined;
  const authEvents = authEventKeys(version, { ...intent, stateKey }).flatMap(([type, key]) => {
    const event = inputs.state.get(pairKey(type, key));
    return event ? [refOf(event)] : [];
  });
  const built = buildEvent(
    version,
    {
      type: intent.type,
      sender: intent.sender,
      roomId,
      ...(stateKey !== undefined && { stateKey }),
      content: intent.content,
      ...(intent.redacts !== null && { redacts: intent.redacts }),
      originServerTs: intent.originServerTs ?? context.now,
      depth: tip.depth + 1,
      prevEvents: tip.extremities.slice(0, MAX_PREV_EVENTS),
      authEvents,
      ...(version.eventIds === "opaque" && { eventId: context.opaqueId() }),
    },
    context.key,
  );
  if (built.json.length > MAX_PDU_BYTES / 3 && Buffer.byteLength(built.json) > MAX_PDU_BYTES) {
    return { refused: refusal(413, "M_TOO_LARGE", "event too large") };
  }
  const lookup = (type: string, key: string): RoomEvent | undefined => inputs.state.get(pairKey(type, key))?.event;
  const verdict = checkAuth(version, built.event, lookup);
  if (!verdict.allowed) return { refused: refusal(403, "M_FORBIDDEN", verdict.reason) };
  return advance(tip, built, inputs, context);
}

/** The id of the event that a redaction takes effect on, if it may. */
export function redactionTarget({ tip: { room }, event }: BuiltOnTip, { state }: BuildInputs, target: StoredEvent): string | undefined {
  const lookup = (type: string, key: string): RoomEvent | undefined => state.get(pairKey(type, key))?.event;
  return target.row.roomNid === room.nid && mayRedact(room.version, event, target.event, lookup) ? target.row.eventId : undefined;
}

/** Specification: client-server API, "Size limits". */
const MAX_PDU_BYTES = 65_536;
