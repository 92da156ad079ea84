import type { StoredEvent } from "../../caches/events";
import type { Aggregate, Thread } from "../../caches/relations";
import { MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { threadsOf } from "../../storage/relations";
import { relationOf } from "../../writers/eventFacts";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import { withoutErased } from "../rooms/erasure";
import { renderEvents } from "./render";

export type RelationsApp = Pick<App, "accounts" | "caches" | "clock" | "db" | "turns" | "userData">;

/** Most events have no relation, which shows without parsing them: the text is canonical JSON. */
const relTypeOf = (event: StoredEvent): string | undefined =>
  event.row.json.includes('"m.relates_to"') ? relationOf(event.shown)?.relType : undefined;

/** State has no aggregations, and neither have replacements and annotations. */
function takesRelations(event: StoredEvent): boolean {
  if (event.row.stateKey !== null) return false;
  const relType = relTypeOf(event);
  return relType !== "m.replace" && relType !== "m.annotation";
}

/** What `unsigned.m.relations` says of events that others relate to (client-server API, "Aggregations of child events"), by event id. */
export async function bundledRelations(
  app: RelationsApp,
  userId: string,
  events: readonly StoredEvent[],
): Promise<ReadonlyMap<string, JsonObject>> {
  const targets = app.caches.relations.maybeRelated(events).filter(takesRelations);
  if (targets.length === 0) return new Map();
  const aggregates = await app.caches.relations.of(targets);
  const threads = await threadsFor(app, userId, targets, aggregates);
  const eventsOf = async (nids: readonly number[]): Promise<ReadonlyMap<number, StoredEvent>> => {
    const found = await app.caches.events.byNids(nids);
    return new Map((await withoutErased(app, userId, [...found.values()])).map((event) => [event.row.nid, event]));
  };
  const latest = await eventsOf([...threads.values()].map((thread) => thread.latest));
  const latestAggregates = await app.caches.relations.of([...latest.values()].filter(takesRelations));
  const edits = await eventsOf([...aggregates.values(), ...latestAggregates.values()].flatMap(({ edit }) => edit ?? []));
  const ignored = await ignoredUsersOf(app, userId);
  const reader = { userId, deviceId: undefined };
  const shown = async (event: StoredEvent, relations?: JsonObject): Promise<JsonObject> => {
    const options = relations && { relations: new Map([[event.row.eventId, relations]]) };
    const [text] = await renderEvents(app, [event], { format: "client", reader, ...options });
    return JSON.parse(text?.text ?? "{}") as JsonObject;
  };

  /** Replacement and references: what an event and the newest one of its thread have in common. */
  async function common(aggregate: Aggregate): Promise<JsonObject> {
    const edit = aggregate.edit === undefined ? undefined : edits.get(aggregate.edit);
    const references = aggregate.references.filter(({ sender }) => !ignored.has(sender));
    return {
      ...(edit?.row.redactedBy === null && { "m.replace": await shown(edit) }),
      ...(references.length > 0 && { "m.reference": { chunk: references.map(({ eventId }) => ({ event_id: eventId })) } }),
    };
  }

  async function summary(root: StoredEvent, thread: Thread): Promise<JsonObject | undefined> {
    const event = latest.get(thread.latest);
    if (!event) return undefined;
    const relations = await common(latestAggregates.get(event.row.eventId) ?? none);
    return {
      latest_event: await shown(event, isEmpty(relations) ? undefined : relations),
      count: thread.count,
      current_user_participated: root.row.sender === userId || thread.participants.has(userId),
    };
  }

  const out = new Map<string, JsonObject>();
  await Promise.all(
    targets.map(async (event) => {
      const { eventId } = event.row;
      const thread = threads.get(eventId);
      const threadSummary = thread && (await summary(event, thread));
      const bundle = { ...(await common(aggregates.get(eventId) ?? none)), ...(threadSummary && { "m.thread": threadSummary }) };
      if (!isEmpty(bundle)) out.set(eventId, bundle);
    }),
  );
  return out;
}

const none: Aggregate = { edit: undefined, thread: undefined, references: [] };
const isEmpty = (object: JsonObject): boolean => Object.keys(object).length === 0;

/** Threads by their roots, as this reader sees them: without users whom they ignore. An event of a thread is no root. */
async function threadsFor(
  app: RelationsApp,
  userId: string,
  targets: readonly StoredEvent[],
  aggregates: ReadonlyMap<string, Aggregate>,
): Promise<Map<string, Thread>> {
  const threads = new Map<string, Thread>();
  for (const event of targets) {
    const thread = aggregates.get(event.row.eventId)?.thread;
    if (thread && relTypeOf(event) !== "m.thread") threads.set(event.row.eventId, thread);
  }
  const ignored = threads.size > 0 ? await ignoredUsersOf(app, userId) : new Set<string>();
  const touched = [...threads]
    .filter(([, { participants }]) => [...ignored].some((user) => participants.has(user)))
    .map(([eventId]) => eventId);
  if (touched.length === 0) return threads;
  const rows = new Map((await threadsOf(app.db, touched, [...ignored])).map((row) => [row.target, row]));
  for (const eventId of touched) {
    const row = rows.get(eventId);
    if (row) threads.set(eventId, { ...row, participants: new Set(row.participants) });
    else threads.delete(eventId);
  }
  return threads;
}

/** 400 where somebody starts a thread at an event that relates to another one itself (client-server API, "Validation of m.thread relationships"). */
export async function checkThreadRoot(app: Pick<App, "caches">, eventId: string): Promise<void> {
  const root = await app.caches.events.byId(eventId);
  if (root && relTypeOf(root) !== undefined) throw new MatrixError(400, "M_UNKNOWN", "Cannot start threads from an event with a relation");
}
