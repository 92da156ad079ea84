import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { StatePair } from "../../caches/stateKeys";
import { notFound } from "../../errors";
import type { JsonObject, JsonValue } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { packedGet, packedKeys } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { creatorsOf } from "../../rooms/auth/creators";
import { parseLevel } from "../../rooms/auth/levels";
import type { RoomVersion } from "../../rooms/versions";
import { membersOfRooms } from "../../storage/memberships";
import type { App } from "../app";
import { withoutMembers } from "../sync/stateSection";
import { powerLevelsContent, presets } from "./presets";

/** A room that is to be replaced, as it is now. */
export interface OldRoom {
  readonly room: RoomInfo;
  readonly state: PackedMap;
  readonly create: StoredEvent;
  readonly levels: StoredEvent | undefined;
}

export async function readOldRoom(app: Pick<App, "caches">, room: RoomInfo): Promise<OldRoom> {
  const current = await app.caches.roomState.current(room.nid);
  const [create, levels] = current
    ? await app.caches.roomState.pick(current.state, [
        ["m.room.create", ""],
        ["m.room.power_levels", ""],
      ])
    : [];
  if (!current || !create) throw notFound(`Unknown room ${room.roomId}`);
  return { room, state: current.state, create, levels };
}

export interface CopiedState {
  readonly type: string;
  readonly stateKey: string;
  readonly content: JsonObject;
}

/** What a replacement takes over besides power levels (client-server API, "Room upgrades"), in the order in which it is sent. */
const copiedTypes = [
  "m.room.canonical_alias",
  "m.room.join_rules",
  "m.room.history_visibility",
  "m.room.guest_access",
  "m.room.name",
  "m.room.topic",
  "m.room.avatar",
  "m.room.encryption",
  "m.room.server_acl",
  "m.room.related_groups",
] as const;

/** The state that goes into the new room: its face and rules, the children of a space, and who is banned. */
export async function copiedState(app: Pick<App, "caches" | "db">, old: OldRoom, version: RoomVersion): Promise<CopiedState[]> {
  const pairs: StatePair[] = [...copiedTypes.map((type): StatePair => [type, ""]), ...(await spaceChildren(app, old))];
  const [found, bans] = await Promise.all([app.caches.roomState.pick(old.state, pairs), membersOfRooms(app.db, [old.room.nid], "ban")]);
  const banEvents = await app.caches.events.byNids(bans.map(({ eventNid }) => eventNid));
  return pairs
    .map(([type], i) => found[i] ?? type)
    .concat(...banEvents.values())
    .flatMap((event): CopiedState[] => {
      if (typeof event === "string") return defaultsFor(event);
      if (isEmptied(event)) return [];
      const { type, content, stateKey = "" } = event.shown;
      return [{ type, stateKey, content: type === "m.room.join_rules" ? joinRulesFor(version, content) : content }];
    });
}

/** What the old room lacks and every new room has: as in a private chat. */
function defaultsFor(type: string): CopiedState[] {
  const { joinRule, historyVisibility } = presets.private_chat;
  const contents: Record<string, JsonObject> = {
    "m.room.join_rules": { join_rule: joinRule },
    "m.room.history_visibility": { history_visibility: historyVisibility },
    "m.room.guest_access": { guest_access: "can_join" },
  };
  const content = contents[type];
  return content ? [{ type, stateKey: "", content }] : [];
}

/** Children and names are taken away by sending empty content. */
const isEmptied = ({ shown }: StoredEvent): boolean => Object.keys(shown.content).length === 0;

async function spaceChildren(app: Pick<App, "caches">, { create, state }: OldRoom): Promise<StatePair[]> {
  if (own(create.shown.content, "type") !== "m.space") return [];
  const rows = await app.caches.stateKeys.pairs(packedKeys(withoutMembers(state)));
  return [...rows.values()].flatMap(({ type, stateKey, keyNid }): StatePair[] =>
    type === "m.space.child" && packedGet(state, keyNid) !== undefined ? [[type, stateKey]] : [],
  );
}

/** A rule that the version does not know would let in nobody and could not be seen through: such rooms become invite only. */
function joinRulesFor({ auth }: RoomVersion, content: JsonObject): JsonObject {
  const known: Record<string, boolean> = { knock: auth.knocking, restricted: auth.restrictedJoins, knock_restricted: auth.knockRestricted };
  const rule = own(content, "join_rule");
  return typeof rule === "string" && known[rule] === false ? { join_rule: "invite" } : content;
}

const singleLevels = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];
const levelGroups = ["users", "events", "notifications"];
const CREATOR_LEVEL = 100;

export interface CopiedLevels {
  /** With these the room starts. */
  readonly initial: JsonObject;
  /** Sent last, where the upgrader needed more power to set up the room than is theirs. */
  readonly final: JsonObject | undefined;
}

/** The power levels of the new room: those of the old one, as the new version has to write them. */
export function copiedLevels(
  old: OldRoom,
  version: RoomVersion,
  people: { readonly upgrader: string; readonly additional: readonly string[] },
): CopiedLevels {
  const { upgrader } = people;
  const given = old.levels?.shown.content ?? powerLevelsContent(version, presets.private_chat, { creator: upgrader, invitees: [] }, []);
  const content = wholeLevels(old.room.version, given);
  const users = new Map(Object.entries(isJsonObject(content["users"]) ? content["users"] : {}));
  if (version.auth.creatorPower) for (const creator of [upgrader, ...people.additional]) users.delete(creator);
  else if (old.room.version.auth.creatorPower) for (const creator of creatorsOf(old.create.shown)) users.set(creator, CREATOR_LEVEL);
  const final = { ...content, users: Object.fromEntries(users) };
  const levelOf = (value: JsonValue | undefined, otherwise: number): number => (typeof value === "number" ? value : otherwise);
  const events = isJsonObject(content["events"]) ? Object.values(content["events"]) : [];
  const needed = Math.max(levelOf(content["state_default"], 50), levelOf(content["ban"], 50), ...events.map((level) => levelOf(level, 0)));
  const level = levelOf(users.get(upgrader), levelOf(content["users_default"], 0));
  if (version.auth.creatorPower || level >= needed) return { initial: final, final: undefined };
  return { initial: { ...final, users: { ...final.users, [upgrader]: needed } }, final };
}

/** Levels as integers: older versions took text as well. What is no level is left out. */
function wholeLevels(version: RoomVersion, content: JsonObject): JsonObject {
  const out: JsonObject = { ...content };
  for (const key of singleLevels) if (Object.hasOwn(content, key)) setLevel(version, out, key, content[key]);
  for (const key of levelGroups) {
    const group = own(content, key);
    if (!isJsonObject(group)) continue;
    const levels: JsonObject = {};
    for (const [name, value] of Object.entries(group)) setLevel(version, levels, name, value);
    out[key] = levels;
  }
  return out;
}

function setLevel(version: RoomVersion, target: JsonObject, key: string, value: JsonValue | undefined): void {
  const level = parseLevel(version, value);
  if (level === undefined) delete target[key];
  else target[key] = level;
}

const CLOSED_LEVEL = 50;

/** Power levels that let nobody but moderators speak or invite any more; undefined where that is so already. */
export function closedLevels({ room, levels }: OldRoom): JsonObject | undefined {
  const content = levels?.shown.content ?? {};
  const closed = Math.max(CLOSED_LEVEL, (parseLevel(room.version, own(content, "users_default")) ?? 0) + 1);
  const isOpen = (key: string): boolean => (parseLevel(room.version, own(content, key)) ?? 0) < closed;
  if (!isOpen("events_default") && !isOpen("invite")) return undefined;
  return { ...content, ...(isOpen("events_default") && { events_default: closed }), ...(isOpen("invite") && { invite: closed }) };
}
