import { MatrixError, badJson, notFound } from "../../errors";
import { isJsonObject } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { classChanges } from "../../rooms/push/classes";
import { copyRoomRules, deleteRule, putRule, setActions, setEnabled } from "../../rooms/push/edit";
import type { Edit } from "../../rooms/push/edit";
import { formatRuleset } from "../../rooms/push/format";
import type { ClientRule, ClientRuleset } from "../../rooms/push/format";
import { isRuleKind, untouchedRules } from "../../rooms/push/rules";
import type { RuleKind, UserPushRules } from "../../rooms/push/rules";
import { getPushRules, insertClassChanges, lockPushRules, storePushRules } from "../../storage/pushRules";
import { eventsStream } from "../../streams/events";
import { pushRulesStream } from "../../streams/pushRules";
import type { App } from "../app";
import type { Push } from "./push";

export type PushRulesApp = Pick<App, "db" | "streams"> & { readonly push: Push };

/** The content of m.push_rules, which is also the answer to GET /pushrules/. */
export async function pushRulesContent(app: { readonly push: Push }, userId: string): Promise<JsonObject> {
  return { global: (await rulesetOf(app, userId)) as unknown as JsonObject };
}

/** Whether the rules may have changed at from < position of the stream push_rules. Never a false no. */
export async function pushRulesChanged(app: { readonly push: Push }, userId: string, from: number): Promise<boolean> {
  return (await app.push.rules.rules(userId)).changed > from;
}

async function rulesetOf(app: { readonly push: Push }, userId: string): Promise<ClientRuleset> {
  return formatRuleset((await app.push.rules.rules(userId)).rules, userId);
}

const refused = (message: string): MatrixError => new MatrixError(400, "M_UNKNOWN", message);
const unknownPath = (message = "Unrecognized request"): MatrixError => new MatrixError(400, "M_UNRECOGNIZED", message);
const missingSlash = (): MatrixError => unknownPath("Unrecognised request: You probably wanted a trailing slash");

/**
 * Reads the part of the rules that a path after /pushrules/ names: "", "global/", "global/<kind>/", "global/<kind>/<rule>" or
 * one of its attributes. Throws M_NOT_FOUND for a rule that is not there, 400 M_UNRECOGNIZED for paths that mean nothing.
 */
export async function readPushRules(app: { readonly push: Push }, userId: string, path: string): Promise<JsonValue> {
  const [scope, kind, ruleId, attribute] = path.split("/");
  const rules = await rulesetOf(app, userId);
  if (scope === "") return { global: rules as unknown as JsonObject };
  if (scope !== "global") throw unknownPath();
  if (kind === undefined) throw missingSlash();
  if (kind === "") return rules as unknown as JsonObject;
  if (!isRuleKind(kind)) throw unknownPath();
  if (ruleId === undefined) throw missingSlash();
  if (ruleId === "") return rules[kind];
  const rule = rules[kind].find((candidate) => candidate.rule_id === ruleId);
  if (!rule) throw notFound("The push rule was not found.");
  return attribute === undefined ? rule : attributeOf(rule, attribute);
}

function attributeOf(rule: ClientRule, attribute: string): JsonObject {
  if (!Object.hasOwn(rule, attribute)) throw unknownPath();
  return { [attribute]: rule[attribute] };
}

/** What a path after /pushrules/ names that is to be changed. */
interface RuleSpec {
  readonly kind: RuleKind;
  readonly ruleId: string;
  readonly attribute: string | undefined;
}

function parseSpec(path: string): RuleSpec {
  const [scope, kind, ruleId, attribute] = path.split("/");
  if (scope !== "global" || kind === undefined || !ruleId) throw unknownPath();
  if (!isRuleKind(kind)) throw refused(`Unknown template: ${kind}`);
  if (ruleId.includes("\\")) throw refused("rule_id may not contain slashes");
  return { kind, ruleId, attribute: attribute === "" ? undefined : attribute };
}

export interface RulePlace {
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** PUT: adds or changes a rule, or sets one of its attributes `enabled` and `actions`. */
export async function putPushRule(app: PushRulesApp, userId: string, path: string, body: JsonValue, place: RulePlace): Promise<void> {
  const { kind, ruleId, attribute } = parseSpec(path);
  if (attribute !== undefined) return putAttribute(app, userId, { kind, ruleId, attribute }, body);
  if (ruleId.startsWith(".")) throw refused("cannot add new rule_ids that start with '.'");
  if (!isJsonObject(body)) throw badJson("Content must be a JSON object.");
  await changePushRules(app, userId, (rules) => putRule(rules, { kind, ruleId, body, ...place }));
}

async function putAttribute(app: PushRulesApp, userId: string, spec: Required<RuleSpec>, body: JsonValue): Promise<void> {
  const { kind, ruleId, attribute } = spec;
  // A bare value was the body once.
  const value = isJsonObject(body) ? body[attribute ?? ""] : body;
  if (attribute === "enabled") {
    if (typeof value !== "boolean") throw refused("Value for 'enabled' must be boolean");
    await changePushRules(app, userId, (rules) => setEnabled(rules, kind, ruleId, value));
  } else if (attribute === "actions") await changePushRules(app, userId, (rules) => setActions(rules, kind, ruleId, value));
  else throw unknownPath();
}

export async function deletePushRule(app: PushRulesApp, userId: string, path: string): Promise<void> {
  const { kind, ruleId } = parseSpec(path);
  await changePushRules(app, userId, (rules) => deleteRule(rules, kind, ruleId));
}

/** Local users take their rules for a room along when it is upgraded. */
export async function copyPushRules(app: PushRulesApp, userId: string, oldRoomId: string, newRoomId: string): Promise<void> {
  if ((await app.push.rules.rules(userId)).rules === untouchedRules) return;
  await changePushRules(app, userId, (rules) => ({ rules: copyRoomRules(rules, oldRoomId, newRoomId) }));
}

/** Edits rules in a transaction of their own and tells everybody. Throws what the edit is refused with. */
async function changePushRules(app: PushRulesApp, userId: string, edit: (rules: UserPushRules) => Edit): Promise<void> {
  const rows = await app.db.tx(async (tx) => {
    await lockPushRules(tx, userId);
    const before = (await getPushRules(tx, [userId]))[0]?.rules ?? untouchedRules;
    const done = edit(before);
    if ("problem" in done) throw done.problem === "missing" ? notFound("Unknown rule") : refused(done.message);
    if (JSON.stringify(done.rules) === JSON.stringify(before)) return [];
    const changes = classChanges(before, done.rules);
    // Events from here on may have been evaluated with either rules; those who share a class agree on which rows count.
    if (changes.length > 0) await insertClassChanges(tx, userId, app.streams.position(eventsStream), changes);
    return storePushRules(tx, pushRulesStream.lockKey, userId, done.rules);
  });
  if (rows.length > 0) app.streams.publish(pushRulesStream, rows);
}
