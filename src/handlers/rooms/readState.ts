import type { StoredEvent } from "../../caches/events";
import type { UserRoom } from "../../caches/memberships";
import type { CurrentState } from "../../caches/roomState";
import type { RoomInfo } from "../../caches/rooms";
import { forbidden, invalidParam, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import { packedGet } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { parseToken } from "../../lib/streamToken";
import { historyVisibilityOf } from "../../rooms/visibility";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { awaitFullState } from "../federation/fullState";
import { membersOnly, movesIn, undo } from "../sync/stateSection";
import { currentEvent, findRoom, placeOf } from "./access";

/** A state of a room that somebody may read. */
export interface ReadableState {
  readonly room: RoomInfo;
  readonly state: PackedMap;
}

/** As who somebody reads a room: as a member, as one who left, or as anybody where the history is world readable. */
export interface Standing {
  readonly room: RoomInfo;
  /** Set for those who left: they read the room as it was then. */
  readonly left: UserRoom | undefined;
  readonly place: UserRoom | undefined;
}

/** 403 unless the requester is or was in the room, or its history is world readable (client-server API, "Room previews"). */
export async function standingIn(app: Pick<App, "caches">, requester: Requester, roomId: string): Promise<Standing> {
  const room = await findRoom(app, roomId);
  const place = room && (await placeOf(app, requester.userId, room));
  if (room && place?.membership === "join") return { room, place, left: undefined };
  if (room && historyVisibilityOf((await currentEvent(app, room, "m.room.history_visibility"))?.shown) === "world_readable") {
    return { room, place, left: undefined };
  }
  // As in Synapse, who was banned reads nothing any more, not even what was before.
  if (room && place?.membership === "leave" && !place.forgotten && (await wasJoined(app, place))) {
    return { room, place, left: place };
  }
  throw forbidden(`User ${requester.userId} not in room ${roomId}, and room previews are disabled`);
}

/** Who declined an invitation never was in the room. */
async function wasJoined(app: Pick<App, "caches">, place: UserRoom): Promise<boolean> {
  let nid: number | null = place.eventNid;
  for (let hops = 0; nid !== null && hops < 10; hops++) {
    const event: StoredEvent | undefined = (await app.caches.events.byNids([nid])).get(nid);
    if (own(event?.event.content ?? {}, "membership") === "join") return true;
    nid = event?.row.replacesNid ?? null;
  }
  return false;
}

/**
 * The state that the requester may see: the current one, or that at the time when they left. "whole": with all members, which are waited
 * for where they are still to come.
 */
export async function readableState(
  app: Pick<App, "caches" | "db" | "streams">,
  requester: Requester,
  roomId: string,
  extent: "whole" | "as_known" = "as_known",
): Promise<ReadableState> {
  const { room, left } = await standingIn(app, requester, roomId);
  if (extent === "whole" && !left) await awaitFullState(app, room);
  if (left) {
    const event = (await app.caches.events.byNids([left.eventNid])).get(left.eventNid);
    const group = event?.row.stateGroup;
    if (typeof group === "number") return { room, state: await app.caches.roomState.group(group) };
  }
  const current = await app.caches.roomState.current(room.nid);
  if (!current) throw notFound(`Unknown room ${roomId}`);
  // Of history that was purged, only how the state moved since is left.
  return { room, state: left ? await stateAfter(app, room, current, left.streamOrdering) : current.state };
}

/** `GET /rooms/{roomId}/state`. */
export async function readAllState(app: App, requester: Requester, roomId: string): Promise<JsonText[]> {
  const { state } = await readableState(app, requester, roomId, "whole");
  return renderEvents(app, await app.caches.roomState.events(state), { format: "client", reader: requester });
}

/** `GET /rooms/{roomId}/state/{type}/{key}`: the content, or with format=event the whole event. */
export async function readStateEvent(
  app: App,
  requester: Requester,
  wanted: { readonly roomId: string; readonly type: string; readonly stateKey: string; readonly format: "content" | "event" },
): Promise<JsonObject | JsonText> {
  const pair = [wanted.type, wanted.stateKey] as const;
  const find = async (extent: "as_known" | "whole") => {
    const { state } = await readableState(app, requester, wanted.roomId, extent);
    return (await app.caches.roomState.pick(state, [pair]))[0];
  };
  // Who is not known as a member may be one of those that are still to come.
  const event = (await find("as_known")) ?? (wanted.type === "m.room.member" ? await find("whole") : undefined);
  if (!event) throw notFound("Event not found.");
  if (wanted.format === "content") return event.shown.content;
  const [text] = await renderEvents(app, [event], { format: "client", reader: requester });
  return text ?? {};
}

export interface MembersFilter {
  readonly membership?: string | undefined;
  readonly notMembership?: string | undefined;
  /** A sync token: members as of then. */
  readonly at?: string | undefined;
}

/** `GET /rooms/{roomId}/members`. */
export async function readMembers(app: App, requester: Requester, roomId: string, filter: MembersFilter): Promise<JsonText[]> {
  const readable = await readableState(app, requester, roomId, "whole");
  const state = filter.at === undefined ? readable.state : await stateAt(app, readable, filter.at);
  const events = await app.caches.roomState.events(membersOnly(state));
  const isShown = await app.turns.map(events, (event) => {
    const membership = own(event.shown.content, "membership");
    return (filter.membership === undefined || membership === filter.membership) && membership !== (filter.notMembership ?? null);
  });
  const shown = events.filter((_, i) => isShown[i]);
  return renderEvents(app, shown, { format: "client", reader: requester });
}

async function stateAt(app: App, { room, state }: ReadableState, at: string): Promise<PackedMap> {
  const token = parseToken(at);
  if (!token) throw invalidParam("Invalid at token");
  const current = await app.caches.roomState.current(room.nid);
  return stateAfter(app, room, { state, position: current?.position ?? 0 }, token.events);
}

/** The state as of a position, from that of a later one. */
async function stateAfter(
  app: Pick<App, "caches" | "db">,
  room: RoomInfo,
  { state, position }: CurrentState,
  after: number,
): Promise<PackedMap> {
  const stretch = { roomNid: room.nid, after, upTo: Math.max(position, after) };
  return undo(state, (await movesIn(app, [stretch])).get(stretch) ?? []);
}

/** `GET /rooms/{roomId}/joined_members`. For members alone. */
export async function readJoinedMembers(app: App, requester: Requester, roomId: string): Promise<JsonText> {
  const room = await findRoom(app, roomId);
  const place = room && (await placeOf(app, requester.userId, room));
  if (!room || (place?.membership !== "join" && !requester.appservice)) throw forbidden(`User ${requester.userId} not in room ${roomId}`);
  await awaitFullState(app, room);
  return app.caches.joinedMembers.of(room.nid);
}

/** `GET /joined_rooms`. */
export async function readJoinedRooms(app: Pick<App, "caches">, userId: string): Promise<string[]> {
  const places = await app.caches.memberships.ofUser(userId);
  return [...places.values()].filter((place) => place.membership === "join").map((place) => place.roomId);
}

/** What a state holds at a key, as an event number. */
export async function stateNid(app: Pick<App, "caches">, state: PackedMap, type: string, stateKey = ""): Promise<number | undefined> {
  const [key] = await app.caches.stateKeys.find([[type, stateKey]]);
  return key === undefined ? undefined : packedGet(state, key);
}
