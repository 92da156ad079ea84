import { isJsonObject } from "../../lib/json";
import { ownLocalpart, ownUserId } from "./defaults";
import type { DefaultCondition } from "./defaults";
import { parsePath } from "./eventView";
import type { EventView } from "./eventView";
import { compileGlob, containsWords } from "./glob";
import type { Condition } from "./rules";

/** Whom an event is evaluated for. */
export interface PushUser {
  readonly userId: string;
  /** In lower case. */
  readonly localpart: string;
  /** The display name in the room, in lower case; "" for none. */
  readonly displayName: string;
}

/**
 * Whether a condition holds. Without a user it is evaluated for all who share the ruleset: conditions on the user then fail,
 * and whoever an event might single out is evaluated alone.
 */
export type Check = (view: EventView, user: PushUser | undefined) => boolean;

const never: Check = () => false;

/** `@alice:example.org` -> `alice` */
export function localpartOf(userId: string): string {
  const end = userId.indexOf(":");
  return userId.slice(1, end < 0 ? undefined : end);
}

export function pushUser(userId: string, displayName: string | undefined): PushUser {
  return { userId, localpart: localpartOf(userId).toLowerCase(), displayName: (displayName ?? "").toLowerCase() };
}

function eventMatch(condition: Condition | DefaultCondition): Check {
  const { key, pattern } = condition;
  if (typeof key !== "string") return never;
  const path = parsePath(key);
  if (pattern === ownLocalpart) return (view, user) => user !== undefined && containsWords(view.body, user.localpart);
  if (pattern === ownUserId) return (view, user) => user !== undefined && view.value(path) === user.userId;
  if (typeof pattern !== "string") return never;
  const glob = compileGlob(pattern, key === "content.body" ? "words" : "whole");
  return (view) => view.matches(key, path, pattern, glob);
}

/** Strings, integers, booleans and null: all that may be compared with. */
function isScalar(value: unknown): boolean {
  return value === null || typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value);
}

function propertyIs(condition: Condition | DefaultCondition): Check {
  const { key, value } = condition;
  if (typeof key !== "string" || !isScalar(value)) return never;
  const path = parsePath(key);
  return (view) => view.value(path) === value;
}

function propertyContains(condition: Condition | DefaultCondition): Check {
  const { key, value } = condition;
  if (typeof key !== "string") return never;
  const path = parsePath(key);
  const contains = (view: EventView, wanted: unknown): boolean => {
    const list = view.value(path);
    return Array.isArray(list) && list.some((item) => item === wanted);
  };
  if (value === ownUserId) return (view, user) => user !== undefined && contains(view, user.userId);
  return isScalar(value) ? (view) => contains(view, value) : never;
}

function memberCount(condition: Condition | DefaultCondition): Check {
  const parts = typeof condition.is === "string" ? /^(==|<=|>=|<|>)?([0-9]+)$/.exec(condition.is) : null;
  if (!parts) return never;
  const wanted = Number(parts[2]);
  switch (parts[1]) {
    case "<":
      return (view) => view.memberCount() < wanted;
    case ">":
      return (view) => view.memberCount() > wanted;
    case "<=":
      return (view) => view.memberCount() <= wanted;
    case ">=":
      return (view) => view.memberCount() >= wanted;
    default:
      return (view) => view.memberCount() === wanted;
  }
}

function notificationPermission(condition: Condition | DefaultCondition): Check {
  const { key } = condition;
  return typeof key === "string" ? (view) => view.senderMayNotify(key) : never;
}

const displayName: Check = (view, user) => user !== undefined && containsWords(view.body, user.displayName);

/** Conditions of a kind that is not known never match. */
export function compileCondition(condition: Condition | DefaultCondition): Check {
  if (!isJsonObject(condition)) return never;
  switch (condition.kind) {
    case "event_match":
      return eventMatch(condition);
    case "event_property_is":
      return propertyIs(condition);
    case "event_property_contains":
      return propertyContains(condition);
    case "contains_display_name":
      return displayName;
    case "room_member_count":
      return memberCount(condition);
    case "sender_notification_permission":
      return notificationPermission(condition);
    default:
      return never;
  }
}
