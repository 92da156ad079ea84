import { type JsonObject, isJsonObject, own } from "../../lib/json";
import { type RoomEvent, type StateLookup, type Verdict, allow, reject } from "../event";
import { isUserId } from "../ids";
import type { RoomVersion } from "../versions";
import { creatorsOf } from "./creators";
import { type PowerLevels, parseLevel } from "./levels";

const SINGLE = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];

/** The rules for m.room.power_levels: its shape, then that nobody raises or changes what lies above them. */
export function checkPowerLevels(version: RoomVersion, event: RoomEvent, state: StateLookup, levels: PowerLevels): Verdict {
  const malformed = checkShape(version, event.content);
  if (malformed) return malformed;
  const create = state("m.room.create", "");
  if (version.auth.creatorPower && create && namesCreator(event.content, create)) return reject("power levels: creators are fixed");
  const current = state("m.room.power_levels", "");
  if (!current) return allow;
  const { sender, content } = event;
  const change: Change = { version, sender, level: levels.userLevel(sender), before: current.content, after: content };
  const groups = version.levels.guardsNotifications ? ["events", "notifications"] : ["events"];
  return checkEntries(change, SINGLE) ?? checkGroups(change, groups) ?? checkUsers(change) ?? allow;
}

function checkShape(version: RoomVersion, content: JsonObject): Verdict | undefined {
  const isLevel = (value: unknown): boolean => parseLevel(version, value as never) !== undefined;
  const users = own(content, "users");
  if (users !== undefined) {
    if (!isJsonObject(users)) return reject("power levels: users is no object");
    for (const [userId, level] of Object.entries(users)) {
      if (!isUserId(userId)) return reject("power levels: users names something that is no user id");
      if (!isLevel(level)) return reject("power levels: a user's level is no integer");
    }
  }
  if (!version.levels.enforcesIntegers) return undefined;
  for (const key of SINGLE) {
    if (Object.hasOwn(content, key) && !isLevel(content[key])) return reject(`power levels: ${key} is no integer`);
  }
  for (const key of ["events", "notifications"]) {
    const group = own(content, key);
    if (group === undefined) continue;
    if (!isJsonObject(group) || !Object.values(group).every(isLevel)) return reject(`power levels: ${key} holds what is no integer`);
  }
  return undefined;
}

/** v12+ */
function namesCreator(content: JsonObject, create: RoomEvent): boolean {
  const users = own(content, "users");
  if (!isJsonObject(users)) return false;
  for (const creator of creatorsOf(create)) if (Object.hasOwn(users, creator)) return true;
  return false;
}

interface Change {
  readonly version: RoomVersion;
  readonly sender: string;
  /** The sender's. */
  readonly level: number;
  readonly before: JsonObject;
  readonly after: JsonObject;
}

function checkGroups(change: Change, keys: readonly string[]): Verdict | undefined {
  for (const key of keys) {
    const part = group(change, key);
    const verdict = part && checkEntries(part, new Set([...Object.keys(part.before), ...Object.keys(part.after)]));
    if (verdict) return verdict;
  }
  return undefined;
}

function checkUsers(change: Change): Verdict | undefined {
  const part = group(change, "users");
  if (!part) return undefined;
  const userIds = new Set([...Object.keys(part.before), ...Object.keys(part.after)]);
  for (const userId of userIds) {
    if (userId === change.sender) continue;
    const { before, after } = levelsOf(part, userId);
    if (before !== after && before === change.level) return reject("power levels: changes the level of an equal");
  }
  return checkEntries(part, userIds);
}

/** The same change, looked at inside of one object. What is no object has no entries. */
function group(change: Change, key: string): Change | undefined {
  const before = own(change.before, key) ?? {};
  const after = own(change.after, key) ?? {};
  return { ...change, before: isJsonObject(before) ? before : {}, after: isJsonObject(after) ? after : {} };
}

function checkEntries(change: Change, keys: Iterable<string>): Verdict | undefined {
  for (const key of keys) {
    const { before, after } = levelsOf(change, key);
    if (Number.isNaN(before) || Number.isNaN(after)) return reject(`power levels: ${key} is no level`);
    if (before === after) continue;
    if (before !== undefined && before > change.level) return reject(`power levels: ${key} was set above the sender's level`);
    if (after !== undefined && after > change.level) return reject(`power levels: ${key} is raised above the sender's level`);
  }
  return undefined;
}

/** The old and new level at a key: undefined where absent, NaN where it is no level (possible up to version 9). */
function levelsOf({ version, before, after }: Change, key: string): { before: number | undefined; after: number | undefined } {
  const level = (object: JsonObject): number | undefined =>
    Object.hasOwn(object, key) ? (parseLevel(version, object[key]) ?? NaN) : undefined;
  return { before: level(before), after: level(after) };
}
