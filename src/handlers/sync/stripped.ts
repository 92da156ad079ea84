import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { StatePair } from "../../caches/stateKeys";
import type { JsonObject } from "../../lib/json";
import { strippedStateEvent } from "../../rooms/clientEvent";
import { getStrippedStates } from "../../storage/strippedStates";
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

function strippedPairs(app: Pick<App, "config">, sender: string): StatePair[] {
  const extra = app.config.room_prejoin_state?.additional_event_types ?? [];
  return [
    ...strippedTypes.map((type): StatePair => [type, ""]),
    ...extra.map((entry): StatePair => (typeof entry === "string" ? [entry, ""] : [String(entry[0]), String(entry[1] ?? "")])),
    ["m.room.member", sender],
  ];
}

/** Stripped state of a room around an invitation or knock: the room's face, who invites, and the event itself. */
export async function strippedState(app: Pick<App, "caches" | "config" | "db">, memberEvent: StoredEvent): Promise<JsonObject[]> {
  const { stateGroup, sender, nid } = memberEvent.row;
  if (stateGroup === null) return storedStrippedState(app, memberEvent);
  const found = await app.caches.roomState.pick(await app.caches.roomState.group(stateGroup), strippedPairs(app, sender));
  const events = found.filter((event) => event !== undefined && event.row.nid !== nid) as StoredEvent[];
  return [...events, memberEvent].map((event) => strippedStateEvent(event.shown));
}

/** The room's present face, for an invitation by `sender` that is still to be sent (server-server API, "Inviting to a room"). */
export async function strippedForInvite(app: Pick<App, "caches" | "config">, room: RoomInfo, sender: string): Promise<JsonObject[]> {
  const current = await app.caches.roomState.current(room.nid);
  const found = current ? await app.caches.roomState.pick(current.state, strippedPairs(app, sender)) : [];
  return found.flatMap((event) => (event ? [strippedStateEvent(event.shown)] : []));
}

/** What the inviting server said of a room that nobody of ours is in. */
async function storedStrippedState(app: Pick<App, "db">, memberEvent: StoredEvent): Promise<JsonObject[]> {
  const [stored] = await getStrippedStates(app.db, [memberEvent.row.nid]);
  const state = stored ? (JSON.parse(stored.state) as JsonObject[]) : [];
  const own = strippedStateEvent(memberEvent.shown);
  return [...state.filter((event) => event["type"] !== own["type"] || event["state_key"] !== own["state_key"]), own];
}
