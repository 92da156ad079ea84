import { createPushRulesCache } from "../../caches/pushRules";
import type { PushRulesCache } from "../../caches/pushRules";
import { hostOf } from "../../caches/memberships";
import { UnreadCounts } from "../../caches/unreadCounts";
import { createLru } from "../../lib/lru";
import { accountDataStream } from "../../streams/accountData";
import { eventsStream } from "../../streams/events";
import { pushRulesStream } from "../../streams/pushRules";
import { receiptsStream } from "../../streams/receipts";
import type { App } from "../app";
import { exclusiveOwner } from "../auth/appserviceAuth";
import { createPushEvaluator } from "./evaluator";
import type { PushEvaluator } from "./evaluator";
import { createPushRoomMembers } from "./roomMembers";
import type { PushRoomMembers } from "./roomMembers";

/** What a process holds of push rules and of what they made of events. */
export interface Push {
  readonly rules: PushRulesCache;
  readonly unread: UnreadCounts;
  /** For the room writer. */
  readonly evaluator: PushEvaluator;
  readonly members: PushRoomMembers;
}

export type PushDeps = Pick<App, "config" | "db" | "caches" | "streams" | "serverName">;

const MAX_USERS = 20_000;
const MAX_ROOMS = 20_000;
const MAX_COUNTS = 200_000;
const MAX_MEMBERS = 200_000;

/** Puts it together. It must be made before the streams start. */
export function createPush({ config, db, caches, streams, serverName }: PushDeps): Push {
  const scaled = (size: number): number => Math.max(1, Math.round(size * config.caches.global_factor));
  const known = createLru<string, boolean>(MAX_USERS);
  const takesPart = (userId: string): boolean => {
    if (hostOf(userId) !== serverName) return false;
    let answer = known.get(userId);
    // Puppets of bridges are many, and nobody reads what they would be notified of.
    if (answer === undefined) known.set(userId, (answer = exclusiveOwner(config.derived.appServices, userId) === undefined));
    return answer;
  };
  const rules = createPushRulesCache(db, scaled(MAX_USERS));
  const members = createPushRoomMembers({ caches, pushRules: rules, takesPart, maxMembers: scaled(MAX_MEMBERS) });
  const push: Push = {
    rules,
    unread: new UnreadCounts({
      db,
      events: caches.events,
      pushRules: rules,
      position: () => streams.position(eventsStream),
      maxRooms: scaled(MAX_ROOMS),
      maxEntries: scaled(MAX_COUNTS),
    }),
    members,
    evaluator: createPushEvaluator({ db, caches, pushRules: rules, members, takesPart }),
  };
  follow({ streams, caches }, push);
  return push;
}

/** Keeps it in step with the streams. */
function follow({ streams, caches }: Pick<App, "streams" | "caches">, { rules, unread, evaluator, members }: Push): void {
  streams.subscribe(pushRulesStream, (rows) => {
    for (const { row } of rows) {
      rules.forget(row.userId);
      members.changeRules(row.userId);
    }
  });
  streams.subscribe(eventsStream, (rows) => {
    for (const entry of rows) {
      members.applyEvent(entry.row);
      unread.applyEvent(entry);
      // Whoever counts what is unread in a room shows it next.
      if (unread.covers(entry.row.roomNid)) caches.events.tell(entry.id, entry.row);
    }
  });
  streams.subscribe(receiptsStream, (rows) => {
    for (const { row } of rows) unread.applyReceipt(row);
  });
  streams.subscribe(accountDataStream, (rows) => {
    if (rows.some(({ row }) => row.type === "m.ignored_user_list" && row.roomId === null)) evaluator.forgetIgnorers();
  });
}
