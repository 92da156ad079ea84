import type { StoredEvent } from "../../caches/events";
import type { StatePair } from "../../caches/stateKeys";
import type { JsonObject } from "../../lib/json";
import { strippedStateEvent } from "../../rooms/clientEvent";
import type { App } from "../app";

/** What somebody who is invited or knocks may know of a room (client-server API, "Stripped state"). */
const strippedTypes = [
  "m.room.create",
  "m.room.join_rules",
  "m.room.canonical_alias",
  "m.room.avatar",
  "m.room.encryption",
  "m.room.name",
  "m.room.topic",
] as const;

/** Stripped state of a room around an invitation or knock: the room's face, who invites, and the event itself. */
export async function strippedState(app: Pick<App, "caches" | "config">, memberEvent: StoredEvent): Promise<JsonObject[]> {
  const { stateGroup, sender, nid } = memberEvent.row;
  const extra = app.config.room_prejoin_state?.additional_event_types ?? [];
  const pairs: StatePair[] = [
    ...strippedTypes.map((type): StatePair => [type, ""]),
    ...extra.map((entry): StatePair => (typeof entry === "string" ? [entry, ""] : [String(entry[0]), String(entry[1] ?? "")])),
    ["m.room.member", sender],
  ];
  const state = stateGroup === null ? undefined : await app.caches.roomState.group(stateGroup);
  const found = state ? await app.caches.roomState.pick(state, pairs) : [];
  const events = found.filter((event) => event !== undefined && event.row.nid !== nid) as StoredEvent[];
  return [...events, memberEvent].map((event) => strippedStateEvent(event.shown));
}
