import type { JsonText } from "../../lib/jsonText";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import type { Hit } from "./hits";

/** The current state of the rooms with results, by room id, for rooms that the user is in now. */
export async function statesOf(app: App, requester: Requester, hits: readonly Hit[]): Promise<Record<string, readonly JsonText[]>> {
  const places = await app.caches.memberships.ofUser(requester.userId);
  const rooms = new Map(hits.map(({ event }) => [event.room.nid, event.room]));
  const joined = [...rooms.values()].filter(({ nid }) => places.get(nid)?.membership === "join");
  const currents = await app.caches.roomState.currents(joined.map(({ nid }) => nid));
  const states = await Promise.all(
    joined.map(async ({ nid, roomId }): Promise<[string, JsonText[]][]> => {
      const current = currents.get(nid);
      if (!current) return [];
      return [[roomId, await renderEvents(app, await app.caches.roomState.events(current.state), { format: "client", reader: requester })]];
    }),
  );
  return Object.fromEntries(states.flat());
}
