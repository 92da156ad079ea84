import type { UserRoom } from "../../caches/memberships";
import type { App } from "../app";
import type { Tree } from "./roomSections";
import { strippedState } from "./stripped";

/** Invitations and knocks: the room as stripped state shows it. Invitations by ignored users are kept back. */
export async function pendingSections(
  app: App,
  places: readonly UserRoom[],
  ignored: ReadonlySet<string>,
): Promise<{ readonly rooms: { readonly invite?: Tree; readonly knock?: Tree } }> {
  const shown = places.filter((place) => !(place.membership === "invite" && ignored.has(place.sender)));
  if (shown.length === 0) return { rooms: {} };
  const events = await app.caches.events.byNids(shown.map((place) => place.eventNid));
  const invite: Record<string, Tree> = {};
  const knock: Record<string, Tree> = {};
  await Promise.all(
    shown.map(async (place) => {
      const event = events.get(place.eventNid);
      const state = { events: event ? await strippedState(app, event) : [] };
      if (place.membership === "invite") invite[place.roomId] = { invite_state: state };
      else knock[place.roomId] = { knock_state: state };
    }),
  );
  return { rooms: { ...(Object.keys(invite).length > 0 && { invite }), ...(Object.keys(knock).length > 0 && { knock }) } };
}
