import type { StoredEvent } from "../../caches/events";
import type { JsonObject } from "../../lib/json";
import { JsonText } from "../../lib/jsonText";
import { legacyClientEvent, renderClientEvent, renderFederationEvent, withUnsigned } from "../../rooms/clientEvent";
import { BY_NO_EVENT } from "../../storage/events";
import { DELAYED_DEVICE } from "../../writers/intents";
import type { App } from "../app";

export type EventFormat = "client" | "withoutRoomId" | "federation" | "legacy";

/** For whom events are rendered. */
export interface Reader {
  readonly userId: string;
  readonly deviceId: string | undefined;
}

export interface RenderOptions {
  readonly format: EventFormat;
  readonly reader: Reader;
  /** `m.relations` by event id (client-server API, "Aggregations of child events"). */
  readonly relations?: ReadonlyMap<string, JsonObject>;
  /** `invite_room_state` by event id, for those who learn of an invitation in no other way. */
  readonly strippedStates?: ReadonlyMap<string, JsonObject[]>;
}

/**
 * Events as clients see them, ready to be spliced into an answer: the shared part is rendered once and kept, `unsigned` is made for
 * this reader. Parallel to the request. Many are made in slices, so that others get their turn.
 */
export async function renderEvents(
  app: Pick<App, "caches" | "clock" | "turns">,
  events: readonly StoredEvent[],
  options: RenderOptions,
): Promise<JsonText[]> {
  const wanted = events.flatMap(({ row }) => row.replacesNid ?? []);
  const redactions = events.flatMap(({ row: { redactedBy } }) => (redactedBy === null || redactedBy === BY_NO_EVENT ? [] : redactedBy));
  const [replaced, because] = await Promise.all([
    wanted.length > 0 ? app.caches.events.byNids(wanted) : undefined,
    redactions.length > 0 ? app.caches.events.byIds(redactions) : undefined,
  ]);
  const now = app.clock.now();
  return app.turns.map(events, (event) => {
    const { replacesNid, redactedBy } = event.row;
    const unsigned = unsignedOf(event, options, now, {
      replaced: replacesNid === null ? undefined : replaced?.get(replacesNid),
      because: redactedBy === null ? undefined : because?.get(redactedBy),
    });
    return new JsonText(render(event, options.format, unsigned));
  });
}

/** One event of which `unsigned` needs no other: no state event, not redacted, nothing relates to it. now: ms since the epoch. */
export function renderPlain(
  event: StoredEvent,
  { format, reader, now }: Pick<RenderOptions, "format" | "reader"> & { readonly now: number },
): JsonText {
  return new JsonText(render(event, format, unsignedOf(event, { format, reader }, now, { replaced: undefined, because: undefined })));
}

function render(event: StoredEvent, format: EventFormat, unsigned: JsonObject): string {
  if (format === "legacy") return legacyClientEvent(event.shown, unsigned);
  let head = event.rendered[format];
  if (head === undefined) {
    head =
      format === "federation"
        ? renderFederationEvent(event.shown).head
        : renderClientEvent(event.shown, format === "client" ? "withRoomId" : "withoutRoomId").head;
    event.keepRendered(format, head);
  }
  return withUnsigned({ head }, unsigned);
}

interface Context {
  readonly replaced: StoredEvent | undefined;
  readonly because: StoredEvent | undefined;
}

/** What an event carries outside of its signed part (client-server API, "UnsignedData"). */
function unsignedOf(
  { row }: StoredEvent,
  { reader, relations, strippedStates }: RenderOptions,
  now: number,
  { replaced, because }: Context,
): JsonObject {
  const unsigned: JsonObject = { age: Math.max(0, now - row.originServerTs) };
  if (row.txnId !== null && row.sender === reader.userId) {
    if (row.txnDevice === DELAYED_DEVICE) unsigned["org.matrix.msc4140.delay_id"] = row.txnId;
    else if (row.txnDevice === (reader.deviceId ?? "")) unsigned["transaction_id"] = row.txnId;
  }
  if (replaced) {
    unsigned["replaces_state"] = replaced.row.eventId;
    // What an erased user replaced was mostly their own.
    if (row.redactedBy !== BY_NO_EVENT) unsigned["prev_content"] = replaced.shown.content;
    unsigned["prev_sender"] = replaced.row.sender;
  }
  if (because) {
    unsigned["redacted_by"] = because.row.eventId;
    unsigned["redacted_because"] = JSON.parse(
      withUnsigned(renderClientEvent(because.shown), { age: Math.max(0, now - because.row.originServerTs) }),
    ) as JsonObject;
  }
  const related = relations?.get(row.eventId);
  if (related) unsigned["m.relations"] = related;
  const stripped = strippedStates?.get(row.eventId);
  if (stripped) unsigned["invite_room_state"] = stripped;
  return unsigned;
}
