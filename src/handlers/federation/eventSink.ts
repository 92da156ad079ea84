import { MatrixError } from "../../errors";
import { type JsonObject, own } from "../../lib/json";
import type { ElementSink } from "../../remote/largeAnswer";
import type { RoomVersion } from "../../rooms/versions";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { type KeysApp, goodPdus } from "./checkPdu";

/** What is kept of an event of a large answer: its text, and what it cites. */
export interface KeptPdu {
  readonly checked: CheckedPdu;
  readonly event: { readonly eventId: string; readonly authEvents: readonly string[] };
}

/** Events of a room that passed the checks that need no state. */
export interface EventSink extends ElementSink {
  readonly events: ReadonlyMap<string, KeptPdu>;
  /** Those of one array. */
  of(array: string): KeptPdu[];
  /** The content of the room's create event, where that came. */
  create(): JsonObject | undefined;
}

/** So many elements that are no good events, and more than good ones, and the answer is given up. */
const MAX_BAD = 1_000;

/** Checks the events of a large answer while they arrive, each once; what is wrong with others is nobody's business. */
export function createEventSink(app: KeysApp, version: RoomVersion, roomId: string, arrays: readonly string[]): EventSink {
  const events = new Map<string, KeptPdu>();
  const idsOf = new Map<string, Set<string>>(arrays.map((array) => [array, new Set()]));
  let create: JsonObject | undefined;
  let hasBegun = false;
  let bad = 0;
  return {
    arrays,
    events,
    get hasBegun() {
      return hasBegun;
    },
    of: (array) => [...(idsOf.get(array) ?? [])].flatMap((id) => events.get(id) ?? []),
    create: () => create,
    async take(array, elements) {
      hasBegun = true;
      const good = await goodPdus(app, version, roomId, elements);
      bad += elements.length - good.length;
      if (bad > MAX_BAD && bad > events.size + good.length)
        throw new MatrixError(502, "M_UNKNOWN", "Another server gave too much that is no event of the room");
      for (const { checked, event } of good) {
        const { eventId, authEvents } = event;
        if (event.type === "m.room.create" && event.stateKey === "") create = event.content;
        // not what it was parsed to, which takes several times as much memory
        idsOf.get(array)?.add(eventId);
        events.set(eventId, { checked: { eventId, json: checked.json }, event: { eventId, authEvents } });
      }
    },
  };
}

/** The room version that a create event names (specification: rooms, "m.room.create"). */
export const versionIn = (create: JsonObject): unknown => own(create, "room_version") ?? "1";
