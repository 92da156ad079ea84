import type { StoredEvent } from "../../caches/events";
import type { App } from "../app";
import { renderPlain } from "../events/render";
import { lazyDeviceOf } from "./lazyMembers";
import type { LazyMembers } from "./lazyMembers";
import type { RoomJob } from "./places";
import { projectEvents } from "./project";
import type { RoomSection, SectionRequest } from "./roomSections";
import { formatOf, prevBatch, readerOf } from "./sectionParts";
import { timelineLimit } from "./timeline";

/** What needs nothing but its own text to be shown: no state, nothing redacted, nothing that others relate to. */
function isPlain({ row }: StoredEvent): boolean {
  return row.stateKey === null && row.replacesNid === null && row.redactedBy === null;
}

/** The newest events of a room, where memory holds all that came since and the client gets to see all of it. */
export function recentEvents(app: App, job: RoomJob, { filter, ignored }: SectionRequest): readonly number[] | undefined {
  if (job.kind !== "news" || job.section !== "join" || !job.sawAll || ignored.size > 0) return undefined;
  const entries = app.caches.tails.between(job.room.nid, job.since, job.upTo);
  if (!entries || entries.length > timelineLimit(app, filter.room.timeline)) return undefined;
  return entries.map(({ nid }) => nid);
}

/**
 * The section of a room in which messages were sent since, and nothing else happened: the same as from the database, made in one turn from
 * memory. Most of what syncs tell is this, and the promises of the long way cost more than the events. Undefined in all other cases.
 */
export function newsInMemory(
  app: App & { readonly lazyMembers: LazyMembers },
  job: RoomJob,
  recent: readonly number[],
  request: SectionRequest,
): RoomSection | undefined {
  const { filter, requester, now, stateKey } = request;
  const events: StoredEvent[] = [];
  for (const nid of recent) {
    const event = app.caches.events.cached(nid);
    if (!event || !isPlain(event)) return undefined;
    events.push(event);
  }
  if (app.caches.relations.maybeRelated(events).length > 0) return undefined;
  const shown = events.filter((event) => filter.room.timeline.matches(event));
  if (filter.room.state.lazyLoadMembers && !knowsSenders(app.lazyMembers, job, shown, request)) return undefined;
  const options = { format: formatOf(filter), reader: readerOf(requester), now: app.clock.now() };
  const texts = shown.map((event) => renderPlain(event, options));
  const timeline = { events: shown, limited: false, start: job.since };
  return {
    job,
    empty: shown.length === 0,
    fields: {
      timeline: { events: projectEvents(texts, filter.eventFields), limited: false, prev_batch: prevBatch(timeline, now) },
      [stateKey]: { events: [] },
    },
  };
}

function knowsSenders(lazyMembers: LazyMembers, job: RoomJob, events: readonly StoredEvent[], request: SectionRequest): boolean {
  if (request.filter.room.state.includeRedundantMembers) return false;
  return lazyMembers.hasAll(
    { device: lazyDeviceOf(request.requester), since: request.since },
    job.room.roomId,
    events.map(({ sender }) => sender),
  );
}
