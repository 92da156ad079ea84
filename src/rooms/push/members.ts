import { rulesInRoom } from "./classes";
import type { RulesInRoom } from "./classes";
import { pushUser } from "./conditions";
import type { PushUser } from "./conditions";
import { TEXT_BUDGET } from "./eventView";
import type { EventView } from "./eventView";
import { compileGlob, containsWords } from "./glob";
import type { Glob } from "./glob";
import { compileRuleset, defaultRuleset } from "./ruleset";
import type { Ruleset } from "./ruleset";
import { untouchedRules } from "./rules";
import type { UserPushRules } from "./rules";
import { createWordIndex, indexableStart } from "./wordIndex";

interface Member {
  readonly user: PushUser;
  readonly rules: RulesInRoom;
  /** The patterns of their content rules. */
  readonly globs: readonly Glob[];
  /** What the member is found by in the index of words. */
  keys: readonly string[];
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
  /** Members whose name or keyword stands in the event, or who have rules for its sender. */
  candidates(view: EventView): Set<string>;
}

interface Indexes {
  /** Names and keywords by words of the body. */
  readonly words: ReturnType<typeof createWordIndex<string>>;
  /** Members with keywords that no index finds. */
  readonly patterns: Set<string>;
  readonly senders: Map<string, Set<string>>;
}

function addToIndexes({ words, patterns, senders }: Indexes, member: Member): void {
  const { user, rules } = member;
  const { userId } = user;
  const keys = [words.add(user.localpart, userId), words.add(user.displayName, userId)];
  for (const pattern of rules.patterns) {
    const start = indexableStart(pattern);
    if (start === undefined) patterns.add(userId);
    else keys.push(words.addStart(start, userId));
  }
  member.keys = keys;
  for (const sender of rules.senders) {
    const users = senders.get(sender);
    if (users) users.add(userId);
    else senders.set(sender, new Set([userId]));
  }
}

function removeFromIndexes({ words, patterns, senders }: Indexes, { user, rules, keys }: Member): void {
  for (const key of keys) words.remove(key, user.userId);
  patterns.delete(user.userId);
  for (const sender of rules.senders) {
    const users = senders.get(sender);
    users?.delete(user.userId);
    if (users?.size === 0) senders.delete(sender);
  }
}

/** Whether the body has the member's name or keyword in it, or more keywords than can be tried. */
function isNamed(body: string, { user, globs }: Member): boolean {
  if (containsWords(body, user.localpart) || containsWords(body, user.displayName)) return true;
  let budget = TEXT_BUDGET;
  return globs.some((glob) => (budget -= glob.cost(body.length)) < 0 || glob.matches(body));
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
    const globs = rules.patterns.map((pattern) => compileGlob(pattern, "words"));
    const member: Member = { user, rules, globs, keys: [], own: stored === untouchedRules ? defaultRuleset : undefined };
    members.set(user.userId, member);
    addToIndexes(indexes, member);
    count(rules, 1);
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
      const found = new Set(indexes.senders.get(view.event.sender) ?? []);
      const { body } = view;
      for (const userIds of [body === "" ? [] : indexes.words.find(body), indexes.patterns]) {
        for (const userId of userIds) {
          const member = found.has(userId) ? undefined : members.get(userId);
          if (member && isNamed(body, member)) found.add(userId);
        }
      }
      return found;
    },
  };
}
