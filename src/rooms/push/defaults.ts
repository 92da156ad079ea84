import type { JsonValue } from "../../lib/json";
import type { Action, RuleKind } from "./rules";

/** Stands in a default rule for the user id, or its localpart, of whoever the rule is evaluated for. */
export interface Placeholder {
  readonly own: "user_id" | "localpart";
}
export const ownUserId: Placeholder = { own: "user_id" };
export const ownLocalpart: Placeholder = { own: "localpart" };

export interface DefaultCondition {
  readonly kind: string;
  readonly key?: string;
  readonly pattern?: string | Placeholder;
  readonly value?: JsonValue | Placeholder;
  readonly is?: string;
}

export interface DefaultRule {
  readonly kind: RuleKind;
  readonly rule_id: string;
  readonly conditions: readonly DefaultCondition[];
  readonly actions: readonly Action[];
  readonly enabled: boolean;
  /** Whether the rule looks for mentions in the text, which an event with m.mentions turns off. */
  readonly legacyMention: boolean;
}

const highlight: Action = { set_tweak: "highlight" };
const noHighlight: Action = { set_tweak: "highlight", value: false };
const sound: Action = { set_tweak: "sound", value: "default" };
const ring: Action = { set_tweak: "sound", value: "ring" };

const match = (key: string, pattern: string | Placeholder): DefaultCondition => ({ kind: "event_match", key, pattern });
const twoMembers: DefaultCondition = { kind: "room_member_count", is: "2" };
const mayNotifyRoom: DefaultCondition = { kind: "sender_notification_permission", key: "room" };

function rule(kind: RuleKind, name: string, conditions: readonly DefaultCondition[], actions: readonly Action[]): DefaultRule {
  return { kind, rule_id: name, conditions, actions, enabled: true, legacyMention: false };
}

const MASTER = ".m.rule.master";

/**
 * The server-default rules in the order in which they are checked (push module, "Predefined Rules", with the legacy mention
 * rules that clients still count on). Rules of users stand between the master rule and the others of each kind.
 */
export const defaultRules: readonly DefaultRule[] = [
  { ...rule("override", MASTER, [], []), enabled: false },
  rule("override", ".m.rule.suppress_notices", [match("content.msgtype", "m.notice")], []),
  rule(
    "override",
    ".m.rule.invite_for_me",
    [match("type", "m.room.member"), match("content.membership", "invite"), match("state_key", ownUserId)],
    ["notify", noHighlight, sound],
  ),
  rule("override", ".m.rule.member_event", [match("type", "m.room.member")], []),
  rule(
    "override",
    ".m.rule.is_user_mention",
    [{ kind: "event_property_contains", key: "content.m\\.mentions.user_ids", value: ownUserId }],
    ["notify", highlight, sound],
  ),
  {
    ...rule("override", ".m.rule.contains_display_name", [{ kind: "contains_display_name" }], ["notify", highlight, sound]),
    legacyMention: true,
  },
  rule(
    "override",
    ".m.rule.is_room_mention",
    [{ kind: "event_property_is", key: "content.m\\.mentions.room", value: true }, mayNotifyRoom],
    ["notify", highlight],
  ),
  {
    ...rule("override", ".m.rule.roomnotif", [mayNotifyRoom, match("content.body", "@room")], ["notify", highlight]),
    legacyMention: true,
  },
  rule("override", ".m.rule.tombstone", [match("type", "m.room.tombstone"), match("state_key", "")], ["notify", highlight]),
  rule("override", ".m.rule.reaction", [match("type", "m.reaction")], []),
  rule("override", ".m.rule.room.server_acl", [match("type", "m.room.server_acl"), match("state_key", "")], []),
  rule(
    "override",
    ".m.rule.suppress_edits",
    [{ kind: "event_property_is", key: "content.m\\.relates_to.rel_type", value: "m.replace" }],
    [],
  ),
  {
    ...rule("content", ".m.rule.contains_user_name", [match("content.body", ownLocalpart)], ["notify", highlight, sound]),
    legacyMention: true,
  },
  rule("underride", ".m.rule.call", [match("type", "m.call.invite")], ["notify", ring, noHighlight]),
  rule("underride", ".m.rule.encrypted_room_one_to_one", [twoMembers, match("type", "m.room.encrypted")], ["notify", sound, noHighlight]),
  rule("underride", ".m.rule.room_one_to_one", [twoMembers, match("type", "m.room.message")], ["notify", sound, noHighlight]),
  rule("underride", ".m.rule.message", [match("type", "m.room.message")], ["notify", noHighlight]),
  rule("underride", ".m.rule.encrypted", [match("type", "m.room.encrypted")], ["notify", noHighlight]),
  rule(
    "underride",
    ".im.vector.jitsi",
    [match("type", "im.vector.modular.widgets"), match("content.type", "jitsi"), match("state_key", "*")],
    ["notify", noHighlight],
  ),
];

export const masterRuleId = MASTER;

const byKindAndId = new Map(defaultRules.map((entry) => [`${entry.kind}/${entry.rule_id}`, entry]));

export function defaultRule(kind: RuleKind, ruleId: string): DefaultRule | undefined {
  return byKindAndId.get(`${kind}/${ruleId}`);
}
