import type { StoredEvent } from "../../caches/events";
import { hostOf } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { JsonText } from "../../lib/jsonText";
import { type PackedMap, packedSplit, packedValues } from "../../lib/packedMap";
import { FIRST_MEMBER_KEY } from "../../storage/state";
import { membershipOf } from "../../writers/eventFacts";
import type { App } from "../app";
import { summariesOf } from "../sync/summary";
import { authChainOf } from "./authChain";
import { statePdus } from "./serverVisibility";
import { stateBefore } from "./stateBefore";

/** How much of the room a server wants with its join: all, or no more of its members than it needs to begin with. */
export type JoinExtent = "all" | "without_members";

/** What send_join answers: the room as it was before the join. */
export interface JoinedRoom {
  readonly origin: string;
  readonly members_omitted: boolean;
  readonly state: readonly JsonText[];
  readonly auth_chain: readonly JsonText[];
  readonly event: JsonText;
  readonly servers_in_room?: readonly string[];
}

type JoinedApp = Pick<App, "accounts" | "caches" | "db" | "serverName" | "turns">;

/** The answer to a join that is stored; json: as we signed it. */
export async function joinedRoom(
  app: JoinedApp,
  room: RoomInfo,
  { join, json }: { readonly join: StoredEvent; readonly json: string },
  extent: JoinExtent,
): Promise<JoinedRoom> {
  const before = await stateBefore(app, join);
  const state = extent === "all" ? await app.caches.roomState.events(before) : await withoutMembers(app, room, join, before);
  const inState = new Set(extent === "all" ? [] : state.map(({ row }) => row.nid));
  // whoever can do without members can also do without what comes twice
  const authChain = (await authChainOf(app, [...state, join])).filter(({ row }) => !inState.has(row.nid));
  return {
    origin: app.serverName,
    members_omitted: extent === "without_members",
    state: await statePdus(app, state),
    auth_chain: await statePdus(app, authChain),
    event: new JsonText(json),
    ...(extent === "without_members" && { servers_in_room: await hostsBefore(app, room, join) }),
  };
}

/** What is not a member, and those members that a room without a name is called after. */
async function withoutMembers(app: JoinedApp, room: RoomInfo, join: StoredEvent, before: PackedMap): Promise<StoredEvent[]> {
  const { below, rest } = packedSplit(before, FIRST_MEMBER_KEY);
  const summary = (await summariesOf(app, join.sender, [room.nid])).get(room.nid);
  const members = new Set(packedValues(rest));
  const heroes = (summary?.heroEvents ?? []).filter((nid) => members.has(nid));
  const [events, heroEvents] = await Promise.all([app.caches.roomState.events(below), app.caches.events.byNids(heroes)]);
  return [...events, ...heroEvents.values()];
}

/** The servers in the room without the join. */
async function hostsBefore(app: JoinedApp, room: RoomInfo, join: StoredEvent): Promise<string[]> {
  const { hosts } = await app.caches.memberships.ofRoom(room.nid);
  const replaced =
    join.row.replacesNid === null ? undefined : (await app.caches.events.byNids([join.row.replacesNid])).values().next().value;
  const host = hostOf(join.sender);
  const isNew = membershipOf(replaced?.event) !== "join" && hosts.get(host) === 1;
  return [...hosts.keys()].filter((other) => other !== host || !isNew);
}
