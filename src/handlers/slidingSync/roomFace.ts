import type { StoredEvent } from "../../caches/events";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { PackedMap } from "../../lib/packedMap";
import type { RoomGlanceRow } from "../../storage/roomGlances";
import type { App } from "../app";
import { heroesOf } from "../sync/summary";
import type { SlidingJob } from "./plan";
import type { SelectedState } from "./selectState";

/** A room with what was found out of its state. */
export interface SlidingRoom extends SlidingJob {
  readonly selected: SelectedState;
  /** The state out of which the face of a room is taken that the user has left. */
  readonly source: PackedMap;
}

type FaceApp = Pick<App, "caches" | "db">;

/** Name, avatar, heroes and counts of rooms, by room number: all of it at first, later what may have changed. */
export async function facesOf(app: FaceApp, userId: string, rooms: readonly SlidingRoom[]): Promise<Map<number, JsonObject>> {
  const joined = rooms.filter(({ job }) => job.section === "join");
  const glances = await app.caches.glances.of(joined.map(({ job }) => job.room.nid));
  const nameless = joined.filter(
    (room) => !glances.get(room.job.room.nid)?.name && (changes(room, "m.room.member") || changes(room, "m.room.name")),
  );
  const heroes = await heroFields(
    app,
    userId,
    nameless.map(({ job }) => job.room.nid),
  );
  const faces = new Map<number, JsonObject>();
  for (const room of joined) {
    const { nid } = room.job.room;
    faces.set(nid, { ...glanceFields(room, glances.get(nid)), ...(heroes.has(nid) && { heroes: heroes.get(nid) ?? [] }) });
  }
  await Promise.all(
    rooms.map(async (room) => {
      if (room.job.section === "leave" && room.job.kind === "full") faces.set(room.job.room.nid, await formerFace(app, room));
    }),
  );
  return faces;
}

const changes = ({ initial, selected }: SlidingRoom, type: string): boolean => initial || selected.changed.has(type);

function glanceFields(room: SlidingRoom, glance: RoomGlanceRow | undefined): JsonObject {
  if (!glance) return {};
  const fields: JsonObject = {};
  if (glance.name && changes(room, "m.room.name")) fields["name"] = glance.name;
  // null says that it is gone.
  if (changes(room, "m.room.avatar") && (glance.avatarUrl || !room.initial)) fields["avatar"] = glance.avatarUrl;
  if (!changes(room, "m.room.member")) return fields;
  return { ...fields, joined_count: glance.joinedMembers, invited_count: glance.invitedMembers };
}

/** As the room was when the user left it. */
async function formerFace(app: FaceApp, { source }: SlidingRoom): Promise<JsonObject> {
  const [name, avatar] = await app.caches.roomState.pick(source, [
    ["m.room.name", ""],
    ["m.room.avatar", ""],
  ]);
  return { ...textField("name", name, "name"), ...textField("avatar", avatar, "url") };
}

function textField(field: string, event: StoredEvent | undefined, key: string): JsonObject {
  const value = event && own(event.shown.content, key);
  return typeof value === "string" && value !== "" ? { [field]: value } : {};
}

/** Whom rooms without a name are called after (MSC4186, "StrippedHero"). */
async function heroFields(app: FaceApp, userId: string, roomNids: readonly number[]): Promise<Map<number, JsonObject[]>> {
  const heroes = await heroesOf(app, userId, roomNids);
  const events = await app.caches.events.byNids([...heroes.values()].flatMap((list) => list.map(({ eventNid }) => eventNid)));
  return new Map(
    roomNids.map((roomNid) => [
      roomNid,
      (heroes.get(roomNid) ?? []).map((hero) => {
        const event = events.get(hero.eventNid);
        const fields = { ...textField("displayname", event, "displayname"), ...textField("avatar_url", event, "avatar_url") };
        return { user_id: hero.userId, ...fields };
      }),
    ]),
  );
}
