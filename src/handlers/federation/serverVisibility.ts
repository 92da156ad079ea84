import { hostOf } from "../../caches/memberships";
import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { JsonText } from "../../lib/jsonText";
import { type PackedMap, packedGet, packedKeys, packedSplit } from "../../lib/packedMap";
import { historyVisibilityOf, serverMaySee } from "../../rooms/visibility";
import { FIRST_MEMBER_KEY } from "../../storage/state";
import { membershipOf } from "../../writers/eventFacts";
import type { App } from "../app";
import { pduText, redactedPduText } from "./pduText";

type VisibilityApp = Pick<App, "caches" | "serverName">;
type ErasureApp = Pick<App, "accounts">;

/**
 * Events of a room as another server may have them, in order: whole, or redacted where none of its users could see them (server-server
 * API, "Retrieving historical messages") or the sender is erased: that server has them already, if it was there. Rejected events are left
 * out.
 */
export async function pdusFor(
  app: VisibilityApp & ErasureApp,
  server: string,
  room: RoomInfo,
  events: readonly StoredEvent[],
): Promise<JsonText[]> {
  // Before all members of a room have come, which servers may read what others said is not known; what our users said they get from us.
  const isPartial = await app.caches.partialRooms.has(room.nid);
  const isGood = ({ row }: StoredEvent): boolean => row.rejected === null && row.roomNid === room.nid;
  const good = events.filter((event) => isGood(event) && !(isPartial && hostOf(event.sender) !== app.serverName));
  const [hidden, erased] = await Promise.all([hiddenFrom(app, server, room, good), app.accounts.erased()]);
  return good.map((event) => (hidden.has(event) || erased.has(event.sender) ? redactedPduText(event) : pduText(event)));
}

/**
 * State and auth events for another server. What the room stands on it gets whole, whoever sent it: redaction would take away what the
 * rules of the room look at. Names and pictures of erased users, in their own member events, it does not get.
 */
export async function statePdus(app: ErasureApp, events: readonly StoredEvent[]): Promise<JsonText[]> {
  const erased = await app.accounts.erased();
  const isProfile = ({ row, sender }: StoredEvent): boolean => row.type === "m.room.member" && row.stateKey === sender;
  return events.map((event) => (erased.has(event.sender) && isProfile(event) ? redactedPduText(event) : pduText(event)));
}

/** Those of the events that the server may know of but not read. State is for everybody who may ask at all. */
async function hiddenFrom(
  app: VisibilityApp,
  server: string,
  room: RoomInfo,
  events: readonly StoredEvent[],
): Promise<ReadonlySet<StoredEvent>> {
  const isMember = (await app.caches.memberships.ofRoom(room.nid)).hosts.has(server);
  if (isMember && (await isSharedThroughout(app, room))) return new Set();
  const groups = [...new Set(events.flatMap(({ row }) => row.stateGroup ?? []))];
  const states = await app.caches.roomState.groups(groups);
  const visible = new Map<number, boolean>();
  for (const [group, state] of states) visible.set(group, await mayServerSee(app, server, state, isMember ? "inRoom" : "notInRoom"));
  return new Set(events.filter(({ row }) => !isOwnMembership(row, server) && !(visible.get(row.stateGroup ?? 0) ?? isMember)));
}

const isOwnMembership = ({ type, stateKey }: StoredEvent["row"], server: string): boolean =>
  type === "m.room.member" && stateKey !== null && hostOf(stateKey) === server;

/** The common case: the visibility was set once, to one under which servers in the room see everything. */
async function isSharedThroughout(app: VisibilityApp, room: RoomInfo): Promise<boolean> {
  const event = await app.caches.roomState.event(room.nid, "m.room.history_visibility", "");
  if (!event) return true;
  const visibility = historyVisibilityOf(event.shown);
  return event.row.replacesNid === null && (visibility === "shared" || visibility === "world_readable");
}

async function mayServerSee(app: VisibilityApp, server: string, state: PackedMap, inRoomNow: "inRoom" | "notInRoom"): Promise<boolean> {
  const [setting] = await app.caches.roomState.pick(state, [["m.room.history_visibility", ""]]);
  const visibility = historyVisibilityOf(setting?.shown);
  if (serverMaySee(visibility, [], inRoomNow)) return true;
  if (visibility === "shared") return false;
  return serverMaySee(visibility, await membershipsOf(app, server, state), inRoomNow);
}

/** Memberships of the server's users in a state. */
async function membershipsOf(app: VisibilityApp, server: string, state: PackedMap): Promise<string[]> {
  const keys = await app.caches.stateKeys.pairs(packedKeys(packedSplit(state, FIRST_MEMBER_KEY).rest));
  const own = [...keys.values()].filter(({ stateKey }) => hostOf(stateKey) === server);
  const nids = own.flatMap(({ keyNid }) => packedGet(state, keyNid) ?? []);
  const members = await app.caches.events.byNids(nids);
  return [...members.values()].flatMap((event) => membershipOf(event.shown) ?? []);
}
