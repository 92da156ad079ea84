import type { Caches } from "../caches/caches";
import type { StoredEvent } from "../caches/events";
import { hostOf } from "../caches/memberships";
import type { StatePair } from "../caches/stateKeys";
import { own } from "../lib/json";
import { packedGet } from "../lib/packedMap";
import type { PackedMap } from "../lib/packedMap";
import type { RoomStatsChange } from "../storage/persistEvents";
import { brought } from "./buildOnTip";
import { membershipOf } from "./eventFacts";
import type { PendingEvent } from "./pendingEvent";
import { withAhead } from "./withAhead";

const shownTypes: ReadonlyMap<string, readonly [column: keyof RoomStatsChange, field: string]> = new Map([
  ["m.room.name", ["name", "name"]],
  ["m.room.topic", ["topic", "topic"]],
  ["m.room.canonical_alias", ["canonicalAlias", "alias"]],
  ["m.room.avatar", ["avatarUrl", "url"]],
  ["m.room.join_rules", ["joinRule", "join_rule"]],
  ["m.room.history_visibility", ["historyVisibility", "history_visibility"]],
  ["m.room.guest_access", ["guestAccess", "guest_access"]],
  ["m.room.encryption", ["encryption", "algorithm"]],
  ["m.room.create", ["roomType", "type"]],
]);
const shownPairs: readonly StatePair[] = [...shownTypes.keys()].map((type) => [type, ""]);

interface MemberDeltas {
  joinedDelta: number;
  invitedDelta: number;
  localDelta: number;
}

function countMembers(deltas: MemberDeltas, event: PendingEvent, serverName: string): void {
  const { built } = event;
  const before = membershipOf(built.replaces?.event);
  const after = membershipOf(built.event);
  const joined = Number(after === "join") - Number(before === "join");
  deltas.joinedDelta += joined;
  deltas.invitedDelta += Number(after === "invite") - Number(before === "invite");
  if (hostOf(built.event.stateKey ?? "") === serverName) deltas.localDelta += joined;
}

/** How a batch changes what its rooms show of themselves. Rooms whose shown state and member counts stay the same are left out. */
export async function roomStatsOf(
  caches: Caches,
  serverName: string,
  batch: readonly PendingEvent[],
  pending: ReadonlyMap<number, StoredEvent>,
): Promise<RoomStatsChange[]> {
  const rooms = new Map<number, { last: PendingEvent; deltas: MemberDeltas; touched: boolean }>();
  for (const event of batch) {
    const { built } = event;
    const nid = built.tip.room.nid;
    let room = rooms.get(nid);
    if (!room) rooms.set(nid, (room = { last: event, deltas: { joinedDelta: 0, invitedDelta: 0, localDelta: 0 }, touched: false }));
    room.last = event;
    if (brought(built).length > 0) room.touched = true;
    if (!built.moves.some(({ nid: moved }) => moved === built.nid)) continue;
    if (built.event.type === "m.room.member") {
      if (membershipOf(built.event) === membershipOf(built.replaces?.event)) continue;
      countMembers(room.deltas, event, serverName);
      room.touched = true;
    } else if (shownTypes.has(built.event.type) && built.event.stateKey === "") room.touched = true;
  }
  const touched = [...rooms.values()].filter((room) => room.touched);
  if (touched.length === 0) return [];
  return Promise.all(
    touched.map(async ({ last: { built }, deltas }) => ({
      roomNid: built.tip.room.nid,
      ...deltas,
      ...(await shownIn(caches, built.tip.group.state, pending)),
    })),
  );
}

type Shown = Omit<RoomStatsChange, "roomNid" | "joinedDelta" | "invitedDelta" | "localDelta">;

/** What a room in this state shows of itself. `pending` holds events that are not stored yet. */
export async function shownIn(
  caches: Pick<Caches, "stateKeys" | "events">,
  state: PackedMap,
  pending: ReadonlyMap<number, StoredEvent>,
): Promise<Shown> {
  const keys = await caches.stateKeys.find(shownPairs);
  const nids = keys.map((key) => (key === undefined ? undefined : packedGet(state, key)));
  const found = await withAhead(nids.filter((nid) => nid !== undefined) as number[], pending, caches.events.byNids);
  const shown: Record<string, string | null> = {};
  [...shownTypes.values()].forEach(([column, field], i) => {
    const nid = nids[i];
    const event = nid === undefined ? undefined : found.get(nid);
    const value = event && own(event.shown.content, field);
    shown[column] = typeof value === "string" && !value.includes("\u0000") ? value : null;
  });
  return shown as unknown as Shown;
}
