import type { JsonObject } from "../../../src/lib/json";
import { pushUser } from "../../../src/rooms/push/conditions";
import { eventView } from "../../../src/rooms/push/eventView";
import type { EventView, PushableEvent } from "../../../src/rooms/push/eventView";
import type { UserPushRules, UserRule } from "../../../src/rooms/push/rules";

export const alice = pushUser("@alice:example.org", "Alice Liddell");

export function message(content: JsonObject | string, more: Partial<PushableEvent> = {}): PushableEvent {
  return {
    eventId: "$event",
    roomId: "!room:example.org",
    type: "m.room.message",
    sender: "@bob:example.org",
    stateKey: undefined,
    content: typeof content === "string" ? { msgtype: "m.text", body: content } : content,
    originServerTs: 1,
    redacts: undefined,
    ...more,
  };
}

export function viewOf(event: PushableEvent, room: { members?: number; power?: boolean } = {}): EventView {
  return eventView(event, { memberCount: () => room.members ?? 10, senderMayNotify: () => room.power ?? false });
}

/** A rule of a user, enabled. */
export const userRule = (ruleId: string, more: Partial<UserRule>): UserRule => ({
  rule_id: ruleId,
  actions: ["notify"],
  enabled: true,
  ...more,
});

export const rulesWith = (rules: UserPushRules["rules"], defaults: UserPushRules["defaults"] = {}): UserPushRules => ({ rules, defaults });
