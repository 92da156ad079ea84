import type { Caches } from "../caches/caches";
import type { RoomInfo } from "../caches/rooms";
import { parseLosslessJson } from "../lib/jsonLossless";
import type { Pdu } from "../rooms/event";
import { parseEvent } from "../rooms/parseEvent";
import { advance, buildOnTip, loadInputs } from "./buildOnTip";
import type { BuildContext, BuiltOnTip } from "./buildOnTip";
import { unstored } from "./eventRows";
import type { PendingEvent } from "./pendingEvent";
import type { NewRoomIntent, SendRefusal } from "./intents";
import { newTip } from "./roomTip";

/** Builds all events of a new room in memory; what the first refused one was refused for, where one is. */
export async function buildRoom(
  caches: Caches,
  room: RoomInfo,
  intent: NewRoomIntent,
  contextOf: (i: number) => BuildContext,
): Promise<BuiltOnTip[] | { readonly refused: SendRefusal }> {
  const event = parseEvent(room.version, parseLosslessJson(intent.createEvent) as Pdu);
  const [keyNid] = await caches.stateKeys.intern([["m.room.create", ""]]);
  let last = advance(newTip(room), { event, json: intent.createEvent }, { state: new Map(), keyNid }, contextOf(0));
  const built = [last];
  const pending = new Map([[last.nid, unstored(last)]]);
  // All keys in one query; what follows finds them in memory.
  await caches.stateKeys.intern(intent.events.flatMap((e) => (e.stateKey === null ? [] : [[e.type, e.stateKey] as const])));
  for (const send of intent.events) {
    const next = buildOnTip(last.tip, send, await loadInputs(caches, last.tip, send, pending), contextOf(built.length));
    if ("refused" in next) return next;
    pending.set(next.nid, unstored(next));
    built.push((last = next));
  }
  return built;
}

/** The events of a new room as they are stored. */
export function pendingOf({ creator, isPublic, events }: NewRoomIntent, built: readonly BuiltOnTip[], receivedTs: number): PendingEvent[] {
  return built.map((build, i) => ({
    built: build,
    intent: events[i - 1] ?? { deviceId: null, txnId: null },
    receivedTs,
    newRoom: i === 0 ? { creator, isPublic } : undefined,
    redacts: undefined,
  }));
}
