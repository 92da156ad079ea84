import type { StoredEvent } from "../../caches/events";
import type { StatePair } from "../../caches/stateKeys";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import type { EventFilter } from "../../rooms/filter";
import { eventFilter } from "../../rooms/filter";
import type { App } from "../app";
import type { Requester } from "../requester";
import { renderPage } from "../rooms/history";
import type { Reach } from "../rooms/surroundings";
import { shownEvents } from "../rooms/shownEvents";
import { surroundingsOf } from "../rooms/surroundings";

/** What goes with a result. Events nearest to it come first. */
export interface ResultContext {
  readonly events_before: readonly JsonText[];
  readonly events_after: readonly JsonText[];
  readonly start: string;
  readonly end: string;
  readonly profile_info?: JsonObject;
}

interface ContextOptions extends Reach {
  readonly profiles: boolean;
  readonly filter: EventFilter;
}

const MAX_REACH = 50;
/** Results that are worked on at a time. */
const AT_ONCE = 10;

/** The context of each event, parallel to the request. The filter's types and senders choose results, and not what is around them. */
export async function contextsOf(
  app: App,
  requester: Requester,
  events: readonly StoredEvent[],
  options: ContextOptions,
): Promise<ResultContext[]> {
  const out: ResultContext[] = [];
  for (let i = 0; i < events.length; i += AT_ONCE) {
    out.push(...(await Promise.all(events.slice(i, i + AT_ONCE).map((event) => contextOf(app, requester, event, options)))));
  }
  return out;
}

const cut = (reach: number): number => Math.min(Math.max(0, reach), MAX_REACH);

async function contextOf(app: App, requester: Requester, event: StoredEvent, options: ContextOptions): Promise<ResultContext> {
  const reach = { before: cut(options.before), after: cut(options.after) };
  const { containsUrl } = options.filter;
  const filter = eventFilter({ containsUrl });
  const { before, after, start, end } = await surroundingsOf(app, event, reach, (entries) =>
    shownEvents(app, requester, event.room, entries, filter),
  );
  const [rendered, renderedAfter, profiles] = await Promise.all([
    renderPage(app, requester, before, "client"),
    renderPage(app, requester, after, "client"),
    options.profiles ? profilesAt(app, after.at(-1) ?? event, [...before, event, ...after]) : undefined,
  ]);
  return { events_before: rendered, events_after: renderedAfter, start, end, ...(profiles && { profile_info: profiles }) };
}

/** Names and pictures of the senders, as they were at the last of the events. */
async function profilesAt(app: App, last: StoredEvent, events: readonly StoredEvent[]): Promise<JsonObject> {
  if (last.row.stateGroup === null) return {};
  const senders = [...new Set(events.map(({ sender }) => sender))];
  const pairs = senders.map((sender): StatePair => ["m.room.member", sender]);
  const members = await app.caches.roomState.pick(await app.caches.roomState.group(last.row.stateGroup), pairs);
  const profiles = members.flatMap((member, i): [string, JsonObject][] => (member ? [[senders[i] ?? "", profileIn(member)]] : []));
  return Object.fromEntries(profiles);
}

function profileIn(member: StoredEvent): JsonObject {
  const { content } = member.shown;
  const [displayname, avatar] = [own(content, "displayname"), own(content, "avatar_url")];
  return {
    ...(typeof displayname === "string" && { displayname }),
    ...(typeof avatar === "string" && { avatar_url: avatar }),
  };
}
