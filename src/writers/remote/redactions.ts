import type { StoredEvent } from "../../caches/events";
import { mayRedact } from "../../rooms/auth/redaction";
import type { RoomEvent } from "../../rooms/event";
import type { CacheChange } from "../../storage/cacheChanges";
import type { Db } from "../../storage/db";
import { redactionsOf } from "../../storage/events";
import { AGGREGATIONS_OF_EVENT, STORED_EVENT } from "../../streams/caches";
import type { BuiltOnTip } from "../buildOnTip";
import { relationOf } from "../eventFacts";
import type { RemoteCaches } from "./ahead";
import { lookupIn } from "./remoteBuild";

export interface RedactionDeps {
  readonly db: Db;
  readonly caches: RemoteCaches;
  /** Ids of events that were redacted before they came. What is forgotten is found in the database for who did not look there before. */
  readonly redactedEarly: { get(eventId: string): true | undefined; set(eventId: string, value: true): unknown };
}

/** Redactions that are looked at for events that came after them. */
const MAX_EARLY = 100;

export interface RedactionEffects {
  readonly built: BuiltOnTip;
  /** The event that this one redacts. */
  readonly redacts: string | undefined;
  /** The redaction of this event, where that came first. */
  readonly redactedBy: string | undefined;
  /** What is remembered wrongly once that is stored, where the events stream is silent: it tells of no soft-failed redaction. */
  readonly forget: readonly CacheChange[];
}

/** The event of that id, which is redacted; where it is not here, that is remembered until it comes. */
export async function findTarget({ caches, redactedEarly }: RedactionDeps, redacts: string): Promise<StoredEvent | undefined> {
  const target = await caches.events.byId(redacts);
  if (!target) redactedEarly.set(redacts, true);
  return target;
}

/** Whether an event redacts another, or is known to be redacted itself: what it has to do with must be stored before its effects are looked at. */
export const concernsRedaction = (deps: Pick<RedactionDeps, "redactedEarly">, { redacts, eventId }: RoomEvent): boolean =>
  redacts !== undefined || deps.redactedEarly.get(eventId) === true;

/**
 * What an event of another server redacts, or is redacted by: either may come first (rooms/v3, "Handling redactions"). isFresh: no stored
 * event redacted it when it was looked for.
 */
export async function redactionEffects(deps: RedactionDeps, built: BuiltOnTip, isFresh: boolean): Promise<RedactionEffects> {
  const { event } = built;
  const [target, early] = await Promise.all([
    event.redacts === undefined ? undefined : findTarget(deps, event.redacts),
    isFresh && !deps.redactedEarly.get(event.eventId) ? undefined : redactedEarly(deps, [event]),
  ]);
  const redacts = target && (await takesEffect(deps.caches, built, target)) ? target : undefined;
  return {
    built: target && !redacts ? withoutEffect(built) : built,
    redacts: redacts?.row.eventId,
    redactedBy: early?.get(event.eventId)?.row.eventId,
    forget: redacts && built.verdict.softFailed ? rememberedOf(redacts) : [],
  };
}

/** What is remembered of an event and of what it relates to. */
function rememberedOf({ row, event }: StoredEvent): CacheChange[] {
  const related = relationOf(event);
  return [{ cache: STORED_EVENT, key: row.eventId }, ...(related ? [{ cache: AGGREGATIONS_OF_EVENT, key: related.relatesTo }] : [])];
}

/** Of events that are new here, the redactions that came before them, by the ids of the events. */
export async function redactedEarly(
  { db, caches }: Pick<RedactionDeps, "db" | "caches">,
  events: readonly RoomEvent[],
): Promise<Map<string, StoredEvent>> {
  const byId = new Map(events.map((event) => [event.eventId, event]));
  const found = await redactionsOf(db, [...byId.keys()], MAX_EARLY);
  const redactions = await caches.events.byNids(found.map(({ nid }) => nid));
  const out = new Map<string, StoredEvent>();
  for (const { nid, redacts } of found) {
    const [event, redaction] = [byId.get(redacts), redactions.get(nid)];
    if (!event || typeof redaction?.row.stateGroup !== "number" || out.has(redacts)) continue;
    const lookup = await lookupIn(caches, redaction.event, await caches.roomState.group(redaction.row.stateGroup));
    if (mayRedact(event.version, redaction.event, event, lookup)) out.set(redacts, redaction);
  }
  return out;
}

async function takesEffect(caches: RemoteCaches, built: BuiltOnTip, target: StoredEvent): Promise<boolean> {
  if (built.verdict.rejected !== null || built.after === undefined || target.row.roomNid !== built.tip.room.nid) return false;
  const lookup = await lookupIn(caches, built.event, await caches.roomState.group(built.before.group.id));
  return mayRedact(built.tip.room.version, built.event, target.event, lookup);
}

/** A redaction that its target's room or the sender's level forbid is part of the room, and no client hears of it. */
function withoutEffect(built: BuiltOnTip): BuiltOnTip {
  return built.event.type === "m.room.redaction" ? { ...built, verdict: { ...built.verdict, softFailed: true } } : built;
}
