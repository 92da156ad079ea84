import { MatrixError } from "../../errors";
import { type JsonObject, type JsonValue, own } from "../../lib/json";
import type { ElementSink } from "../../remote/largeAnswer";
import type { RoomEvent } from "../../rooms/event";
import { readPdu } from "../../rooms/readPdu";
import { AuthOrder } from "../../rooms/state/authOrder";
import type { RoomVersion } from "../../rooms/versions";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { storeOutliers } from "../../writers/remoteRpc";
import type { App } from "../app";
import { checkSignatures, inSlices } from "./checkPdu";

/** Events of a room out of a large answer: each is checked and stored while the others still come, and let go of. */
export interface EventSink extends ElementSink {
  /** Has a server asked, and stores what its events left waiting. Where storing fails, throws that. */
  fill<T>(ask: () => Promise<T>): Promise<T>;
  /** The ids of the good events of one array, each once. */
  idsOf(array: string): string[];
}

export interface EventSinkOptions {
  readonly roomId: string;
  readonly version: RoomVersion;
  readonly arrays: readonly string[];
  /** Of events of the room that are stored: they are not looked at again. */
  readonly known?: ReadonlySet<string>;
  /** The room may not be known: nothing is stored of it before its create event came, which has to be of that version. */
  readonly isNew?: boolean;
}

type SinkApp = Pick<App, "federation" | "rpc">;

interface WaitingPdu {
  readonly checked: CheckedPdu;
  readonly event: Pick<RoomEvent, "eventId" | "authEvents">;
}
type FreshPdu = WaitingPdu & { readonly event: RoomEvent };

/** So many elements that are no good events, and more than good ones, and the answer is given up. */
const MAX_BAD = 1_000;
/** Events that the room's owner judges and stores in one go: 3 MiB at most, and a few milliseconds in which nobody else has a turn. */
const STORED_AT_ONCE = 50;

/** Takes in events that pass the checks which need no state, each once; what is wrong with others is nobody's business. */
export function createEventSink(app: SinkApp, options: EventSinkOptions): EventSink {
  const { roomId, version, arrays, known = new Set<string>() } = options;
  const idsOf = new Map<string, Set<string>>(arrays.map((array) => [array, new Set()]));
  const seen = new Set(known);
  const order = new AuthOrder<WaitingPdu>(new Set(known));
  let mayStore = !options.isNew;
  let hasBegun = false;
  let bad = 0;
  let failure: { readonly error: unknown } | undefined;

  /** Undefined for what is no good event of the room; its id alone where it is known. */
  async function check(element: JsonValue): Promise<{ readonly eventId: string; readonly fresh?: FreshPdu } | undefined> {
    const received = readPdu(version, element);
    if ("fault" in received || received.event.roomId !== roomId) return undefined;
    const { eventId } = received.event;
    if (seen.has(eventId)) return { eventId };
    const checked = await checkSignatures(app, received);
    return "fault" in checked ? undefined : { eventId, fresh: checked };
  }

  function add({ checked, event }: FreshPdu): void {
    const { eventId, authEvents } = event;
    if (seen.has(eventId)) return;
    seen.add(eventId);
    if (!mayStore && event.type === "m.room.create" && event.stateKey === "") {
      mayStore = versionIn(event.content) === version.id;
      if (!mayStore)
        failure ??= { error: new MatrixError(502, "M_UNKNOWN", "The room's create event is of another version than promised") };
    }
    // what has to wait is not kept as what it was parsed to, which takes several times as much memory
    const soon = mayStore && order.follows(event);
    order.add(soon ? { checked, event } : { checked: { eventId, json: checked.json }, event: { eventId, authEvents } });
  }

  return {
    arrays,
    get hasBegun() {
      return hasBegun;
    },
    idsOf: (array) => [...(idsOf.get(array) ?? [])],
    async take(array, elements) {
      hasBegun = true;
      // The rest is read all the same: the other server is not to be blamed for it.
      if (failure) return;
      for (const good of await inSlices(elements, check)) {
        const ids = idsOf.get(array);
        // nobody names an event twice in one list
        if (!good || ids?.has(good.eventId)) bad++;
        else ids?.add(good.eventId);
        if (good?.fresh) add(good.fresh);
      }
      if (bad > MAX_BAD && bad > seen.size - known.size)
        throw new MatrixError(502, "M_UNKNOWN", "Another server gave too much that is no event of the room");
      if (mayStore) await store(app, options, order.takeReady()).catch((error: unknown) => (failure ??= { error }));
    },
    async fill(ask) {
      const answer = await ask();
      if (failure) throw failure.error;
      if (!mayStore) throw new MatrixError(502, "M_UNKNOWN", "The room's create event is missing");
      await store(app, options, [...order.takeReady(), ...order.takeRest()]);
      return answer;
    },
  };
}

async function store(app: SinkApp, { roomId, version }: EventSinkOptions, pdus: readonly WaitingPdu[]): Promise<void> {
  for (let i = 0; i < pdus.length; i += STORED_AT_ONCE) {
    const part = pdus.slice(i, i + STORED_AT_ONCE).map(({ checked }) => checked);
    await storeOutliers(app, roomId, version.id, part);
  }
}

/** The room version that a create event names (specification: rooms, "m.room.create"). */
const versionIn = (create: JsonObject): unknown => own(create, "room_version") ?? "1";
