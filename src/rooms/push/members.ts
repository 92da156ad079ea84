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
  readonly keys: readonly string[];
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

/** What hardly any room has: members with keywords that no index finds, and with rules for senders. */
interface Exceptions {
  readonly patterns: Set<string>;
  readonly senders: Map<string, Set<string>>;
}

function addException({ patterns, senders }: Exceptions, { user: { userId }, rules }: Member): void {
  if (rules.patterns.some((pattern) => indexableStart(pattern) === undefined)) patterns.add(userId);
  for (const sender of rules.senders) {
    const users = senders.get(sender);
    if (users) users.add(userId);
    else senders.set(sender, new Set([userId]));
  }
}

function removeException({ patterns, senders }: Exceptions, { user: { userId }, rules }: Member): void {
  patterns.delete(userId);
  for (const sender of rules.senders) {
    const users = senders.get(sender);
    users?.delete(userId);
    if (users?.size === 0) senders.delete(sender);
  }
}

const noGlobs: readonly Glob[] = [];
const noExceptions: Exceptions = { patterns: new Set(), senders: new Map() };

/** Whether the body has the member's name or keyword in it, or more keywords than can be tried. */
function isNamed(body: string, { user, globs }: Member): boolean {
  if (containsWords(body, user.localpart) || containsWords(body, user.displayName)) return true;
  let budget = TEXT_BUDGET;
  return globs.some((glob) => (budget -= glob.cost(body.length)) < 0 || glob.matches(body));
}

export function createPushMembers(roomId: string): PushMembers {
  return new MemberIndex(roomId);
}

/** A class, and its rarer parts made when they are needed: there is one for each room in memory, mostly of a few members. */
class MemberIndex implements PushMembers {
  private readonly members = new Map<string, Member>();
  private readonly words = createWordIndex<string>();
  private classCounts: Map<number, MemberClass> | undefined;
  private exceptions: Exceptions | undefined;

  constructor(private readonly roomId: string) {}

  get size(): number {
    return this.members.size;
  }

  set(userId: string, displayName: string | undefined, rules: UserPushRules): void {
    this.add(pushUser(userId, displayName), rules);
  }

  setRules(userId: string, rules: UserPushRules): void {
    const member = this.members.get(userId);
    if (member) this.add(member.user, rules);
  }

  delete(userId: string): void {
    const member = this.members.get(userId);
    if (!member) return;
    this.members.delete(userId);
    for (const key of member.keys) this.words.remove(key, userId);
    if (this.exceptions) removeException(this.exceptions, member);
    this.count(member.rules, -1);
  }

  has(userId: string): boolean {
    return this.members.has(userId);
  }

  userOf(userId: string): PushUser | undefined {
    return this.members.get(userId)?.user;
  }

  classOf(userId: string): number {
    return this.members.get(userId)?.rules.classId ?? 0;
  }

  rulesetOf(userId: string): Ruleset {
    const member = this.members.get(userId);
    return member ? (member.own ??= compileRuleset(member.rules.own)) : defaultRuleset;
  }

  *classes(): Iterable<readonly [classId: number, ruleset: Ruleset]> {
    for (const [classId, { ruleset }] of this.classCounts ?? []) yield [classId, ruleset];
  }

  candidates(view: EventView): Set<string> {
    const { patterns, senders } = this.exceptions ?? noExceptions;
    const found = new Set(senders.get(view.event.sender) ?? []);
    const { body } = view;
    for (const userIds of [body === "" ? [] : this.words.find(body), patterns]) {
      for (const userId of userIds) {
        const member = found.has(userId) ? undefined : this.members.get(userId);
        if (member && isNamed(body, member)) found.add(userId);
      }
    }
    return found;
  }

  private add(user: PushUser, stored: UserPushRules): void {
    const { userId } = user;
    this.delete(userId);
    const rules = rulesInRoom(stored, this.roomId);
    const globs = rules.patterns.length === 0 ? noGlobs : rules.patterns.map((pattern) => compileGlob(pattern, "words"));
    const member: Member = {
      user,
      rules,
      globs,
      keys: this.keysOf(user, rules),
      own: stored === untouchedRules ? defaultRuleset : undefined,
    };
    this.members.set(userId, member);
    if (rules.patterns.length + rules.senders.length > 0)
      addException((this.exceptions ??= { patterns: new Set(), senders: new Map() }), member);
    this.count(rules, 1);
  }

  private keysOf({ userId, localpart, displayName }: PushUser, { patterns }: RulesInRoom): string[] {
    const keys = [this.words.add(localpart, userId), this.words.add(displayName, userId)];
    for (const pattern of patterns) {
      const start = indexableStart(pattern);
      if (start !== undefined) keys.push(this.words.addStart(start, userId));
    }
    return keys;
  }

  private count(rules: RulesInRoom, step: 1 | -1): void {
    if (rules.classId === 0) return;
    const classes = (this.classCounts ??= new Map<number, MemberClass>());
    const known = classes.get(rules.classId);
    if (!known) classes.set(rules.classId, { ruleset: compileRuleset(rules.shared), size: 1 });
    else if ((known.size += step) === 0) classes.delete(rules.classId);
  }
}
