import type { RoomInfo } from "../../caches/rooms";
import type { JsonObject } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { packedGet, packedKeys } from "../../lib/packedMap";
import { strippedStateEvent } from "../../rooms/clientEvent";
import { fitsId } from "../../rooms/ids";
import type { App } from "../app";
import { withoutMembers } from "../sync/stateSection";

/** A room that a space names as its child. */
export interface SpaceChild {
  readonly roomId: string;
  /** Servers that may know of it. */
  readonly via: readonly string[];
  /** The event as hierarchies show it: stripped, with its time. */
  readonly event: JsonObject;
}

export type Choice = "all" | "suggested";

/** The children of a space, in the order in which clients show them (client-server API, "Ordering of children within a space"). */
export async function childrenOf(app: Pick<App, "caches">, room: RoomInfo, choice: Choice): Promise<SpaceChild[]> {
  const current = await app.caches.roomState.current(room.nid);
  if (!current) return [];
  const keys = await app.caches.stateKeys.pairs(packedKeys(withoutMembers(current.state)));
  const nids = [...keys.values()].flatMap(({ type, keyNid }) => (type === "m.space.child" ? (packedGet(current.state, keyNid) ?? []) : []));
  const events = await app.caches.events.byNids(nids);
  const children = [...events.values()].map(({ shown }) => ({ ...strippedStateEvent(shown), origin_server_ts: shown.originServerTs }));
  return readChildren(children, choice);
}

/** Reads children_state, ours or another server's: what is no child is left out. */
export function readChildren(events: unknown, choice: Choice): SpaceChild[] {
  const children = Array.isArray(events) ? events.filter(isJsonObject).flatMap((event) => readChild(event, choice)) : [];
  return children.sort(inOrder);
}

function readChild(event: JsonObject, choice: Choice): SpaceChild[] {
  const { type, state_key: roomId, content } = event;
  if (type !== "m.space.child" || typeof roomId !== "string" || !roomId.startsWith("!") || !fitsId(roomId) || !isJsonObject(content))
    return [];
  const via = own(content, "via");
  // A child without servers has been taken away.
  if (!Array.isArray(via) || via.length === 0 || (choice === "suggested" && own(content, "suggested") !== true)) return [];
  return [{ roomId, via: via.filter((server) => typeof server === "string"), event }];
}

const MAX_ORDER = 50;

function orderOf({ event }: SpaceChild): string | undefined {
  const content = event["content"];
  const order = isJsonObject(content) ? own(content, "order") : undefined;
  return typeof order === "string" && order.length <= MAX_ORDER && /^[\x20-\x7e]*$/.test(order) ? order : undefined;
}

function inOrder(a: SpaceChild, b: SpaceChild): number {
  const [first, second] = [orderOf(a), orderOf(b)];
  if (first !== second) {
    if (first === undefined) return 1;
    return second === undefined || first < second ? -1 : 1;
  }
  return timeOf(a) - timeOf(b) || (a.roomId < b.roomId ? -1 : 1);
}

function timeOf({ event }: SpaceChild): number {
  const ts = event["origin_server_ts"];
  return typeof ts === "number" ? ts : 0;
}
