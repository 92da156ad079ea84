import { rulesInRoom } from "./classes";
import type { RulesInRoom } from "./classes";
import { pushUser } from "./conditions";
import type { PushUser } from "./conditions";
import type { EventView } from "./eventView";
import { compileGlob } from "./glob";
import type { Glob } from "./glob";
import { compileRuleset, defaultRuleset } from "./ruleset";
import type { Ruleset } from "./ruleset";
import { untouchedRules } from "./rules";
import type { UserPushRules } from "./rules";
import { createWordIndex, indexableStart } from "./wordIndex";

interface Member {
  readonly user: PushUser;
  readonly rules: RulesInRoom;
  readonly globs: readonly Glob[];
  /** Compiled when the member is first singled out. */
  own: Ruleset | undefined;
}

interface MemberClass {
  readonly ruleset: Ruleset;
  size: number;
}

/**
 * The local members of a room, arranged so that the work for an event depends on how many different rulesets there are and
 * whom the event singles out, never on how many members there are.
 */
export interface PushMembers {
  readonly size: number;
  set(userId: string, displayName: string | undefined, rules: UserPushRules): void;
  /** New rules of a member; whoever is no member stays out. */
  setRules(userId: string, rules: UserPushRules): void;
  delete(userId: string): void;
  has(userId: string): boolean;
  userOf(userId: string): PushUser | undefined;
  classOf(userId: string): number;
  /** Everything that holds for the member alone. */
  rulesetOf(userId: string): Ruleset;
  /** Classes other than 0 that have members. */
  classes(): Iterable<readonly [classId: number, ruleset: Ruleset]>;
  /** Members whose name or keyword stands in the event, or who have rules for its sender. A few too many is fine. */
  candidates(view: EventView): Set<string>;
}

interface Indexes {
  /** Names and keywords by words of the body. */
  readonly words: ReturnType<typeof createWordIndex<string>>;
  /** Members with keywords that no index finds. */
  readonly patterns: Set<string>;
  readonly senders: Map<string, Set<string>>;
}

function addToIndexes({ words, patterns, senders }: Indexes, { user, rules }: Member): void {
  words.add(user.localpart, user.userId);
  words.add(user.displayName, user.userId);
  for (const pattern of rules.patterns) {
    const start = indexableStart(pattern);
    if (start !== undefined) words.add(start, user.userId);
    else patterns.add(user.userId);
  }
  for (const sender of rules.senders) {
    const users = senders.get(sender);
    if (users) users.add(user.userId);
    else senders.set(sender, new Set([user.userId]));
  }
}

function removeFromIndexes({ words, patterns, senders }: Indexes, { user, rules }: Member): void {
  for (const text of [user.localpart, user.displayName]) words.remove(text, user.userId);
  for (const pattern of rules.patterns) words.remove(indexableStart(pattern) ?? "", user.userId);
  patterns.delete(user.userId);
  for (const sender of rules.senders) {
    const users = senders.get(sender);
    users?.delete(user.userId);
    if (users?.size === 0) senders.delete(sender);
  }
}

export function createPushMembers(roomId: string): PushMembers {
  const members = new Map<string, Member>();
  const classes = new Map<number, MemberClass>();
  const indexes: Indexes = { words: createWordIndex(), patterns: new Set(), senders: new Map() };

  function count(rules: RulesInRoom, step: 1 | -1): void {
    if (rules.classId === 0) return;
    const known = classes.get(rules.classId);
    if (!known) classes.set(rules.classId, { ruleset: compileRuleset(rules.shared), size: 1 });
    else if ((known.size += step) === 0) classes.delete(rules.classId);
  }

  function remove(userId: string): void {
    const member = members.get(userId);
    if (!member) return;
    members.delete(userId);
    removeFromIndexes(indexes, member);
    count(member.rules, -1);
  }

  function add(user: PushUser, stored: UserPushRules): void {
    remove(user.userId);
    const rules = rulesInRoom(stored, roomId);
    const globs = rules.patterns.filter((pattern) => indexableStart(pattern) === undefined).map((pattern) => compileGlob(pattern, "words"));
    const member: Member = { user, rules, globs, own: stored === untouchedRules ? defaultRuleset : undefined };
    members.set(user.userId, member);
    addToIndexes(indexes, member);
    count(rules, 1);
  }

  /** Members whose keyword begins with a wildcard, if it matches. */
  function byPattern(view: EventView, found: Set<string>): void {
    for (const userId of indexes.patterns) {
      if (!found.has(userId) && members.get(userId)?.globs.some((glob) => glob.matches(view.body))) found.add(userId);
    }
  }

  return {
    get size() {
      return members.size;
    },
    set: (userId, displayName, rules) => add(pushUser(userId, displayName), rules),
    setRules(userId, rules) {
      const member = members.get(userId);
      if (member) add(member.user, rules);
    },
    delete: remove,
    has: (userId) => members.has(userId),
    userOf: (userId) => members.get(userId)?.user,
    classOf: (userId) => members.get(userId)?.rules.classId ?? 0,
    rulesetOf(userId) {
      const member = members.get(userId);
      return member ? (member.own ??= compileRuleset(member.rules.own)) : defaultRuleset;
    },
    *classes() {
      for (const [classId, { ruleset }] of classes) yield [classId, ruleset];
    },
    candidates(view) {
      const found = view.body === "" ? new Set<string>() : indexes.words.find(view.body);
      for (const userId of indexes.senders.get(view.event.sender) ?? []) found.add(userId);
      if (indexes.patterns.size > 0) byPattern(view, found);
      return found;
    },
  };
}
