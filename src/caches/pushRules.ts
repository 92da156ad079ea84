import { classHistory } from "../rooms/push/classHistory";
import type { ClassHistory } from "../rooms/push/classHistory";
import { untouchedRules } from "../rooms/push/rules";
import type { UserPushRules } from "../rooms/push/rules";
import type { Db } from "../storage/db";
import { getPushRules, getUserClasses } from "../storage/pushRules";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";

export interface CachedPushRules {
  readonly rules: UserPushRules;
  /** Position of the stream push_rules at which they last changed; 0 for never. */
  readonly changed: number;
}

/** Push rules of users and the classes that follow from them. Emptied by the stream push_rules. */
export interface PushRulesCache {
  readonly stats: readonly CacheStats[];
  rules(userId: string): Promise<CachedPushRules>;
  rulesOf(userIds: readonly string[]): Promise<Map<string, CachedPushRules>>;
  classes(userId: string): Promise<ClassHistory>;
  forget(userId: string): void;
}

const untouched: CachedPushRules = { rules: untouchedRules, changed: 0 };
const class0 = classHistory([]);

export function createPushRulesCache(db: Db, max: number): PushRulesCache {
  const rules = createCache<string, CachedPushRules>({
    name: "get_push_rules_for_user",
    max,
    load: async (userIds) => {
      const found = new Map((await getPushRules(db, userIds)).map((row) => [row.userId, { rules: row.rules, changed: row.streamId }]));
      return userIds.map((userId) => [userId, found.get(userId) ?? untouched]);
    },
  });
  const classes = createCache<string, ClassHistory>({
    name: "push_rule_classes",
    max,
    load: async (userIds) => {
      const rows = new Map(userIds.map((userId) => [userId, [] as Awaited<ReturnType<typeof getUserClasses>>]));
      for (const row of await getUserClasses(db, userIds)) rows.get(row.userId)?.push(row);
      return Array.from(rows, ([userId, own]) => [userId, own.length === 0 ? class0 : classHistory(own)]);
    },
  });
  return {
    stats: [rules.stats, classes.stats],
    rules: async (userId) => (await rules.load(userId)) ?? untouched,
    rulesOf: (userIds) => rules.loadMany(userIds),
    classes: async (userId) => (await classes.load(userId)) ?? class0,
    forget(userId) {
      rules.delete(userId);
      classes.delete(userId);
    },
  };
}
