import { MatrixError, badJson, invalidParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { getAliases } from "../../storage/aliases";
import type { App } from "../app";
import { currentEvent, findRoom } from "./access";

/** Checks what clients of ours put into well-known state events, beyond what the authorisation rules demand. */
export async function checkStateContent(app: App, roomId: string, type: string, content: JsonObject): Promise<void> {
  const check = checks[type];
  if (check) await check(app, roomId, content);
}

type Check = (app: App, roomId: string, content: JsonObject) => Promise<void> | void;

const checks: Readonly<Record<string, Check>> = {
  "m.room.canonical_alias": checkCanonicalAlias,
  "m.room.power_levels": (_app, _roomId, content) => checkPowerLevels(content),
  "m.room.encryption": (_app, _roomId, content) => {
    if (typeof own(content, "algorithm") !== "string") throw badJson("algorithm must be a string");
  },
};

/** New aliases must point to this room (client-server API, "m.room.canonical_alias"). */
async function checkCanonicalAlias(app: App, roomId: string, content: JsonObject): Promise<void> {
  const room = await findRoom(app, roomId);
  const current = room && (await currentEvent(app, room, "m.room.canonical_alias"));
  const before = new Set(current ? aliasesIn(current.shown.content) : []);
  const alternatives = own(content, "alt_aliases");
  if (alternatives !== undefined && (!Array.isArray(alternatives) || alternatives.some((a) => typeof a !== "string"))) {
    throw invalidParam("alt_aliases must be a list of strings");
  }
  const added = aliasesIn(content).filter((alias) => !before.has(alias));
  for (const alias of added) if (!/^#[^:\s]*:.+$/.test(alias)) throw invalidParam(`${alias} is not a valid alias`);
  const known = new Map((await getAliases(app.db, added)).map((row) => [row.alias, row.roomId]));
  for (const alias of added) {
    if (known.get(alias) !== roomId) throw new MatrixError(400, "M_BAD_ALIAS", `Room alias ${alias} does not point to the room`);
  }
}

function aliasesIn(content: JsonObject): string[] {
  const alternatives = own(content, "alt_aliases");
  return [own(content, "alias"), ...(Array.isArray(alternatives) ? alternatives : [])].filter(
    (alias): alias is string => typeof alias === "string" && alias !== "",
  );
}

const levelKeys = ["users_default", "events_default", "state_default", "ban", "kick", "redact", "invite"];

/** Whole numbers within the range of canonical JSON, wherever a level may stand. */
function checkPowerLevels(content: JsonObject): void {
  for (const key of levelKeys) checkLevel(key, own(content, key));
  for (const group of ["users", "events", "notifications"]) {
    const levels = own(content, group);
    if (levels === undefined) continue;
    if (!isJsonObject(levels)) throw badJson(`${group} must be an object`);
    for (const [key, level] of Object.entries(levels)) checkLevel(`${group}.${key}`, level);
  }
}

function checkLevel(name: string, level: unknown): void {
  if (level === undefined || Number.isSafeInteger(level)) return;
  // Older rooms hold levels as text, and clients send them back.
  if (typeof level === "string" && /^-?\d+$/.test(level)) return;
  throw badJson(`${name} must be an integer`);
}
