import { createCache } from "../../caches/cache";
import type { CacheStats } from "../../caches/cache";
import type { Caches } from "../../caches/caches";
import type { PushRulesCache } from "../../caches/pushRules";
import type { PushSummary } from "../../caches/unreadTails";
import { packedGet } from "../../lib/packedMap";
import { levelsFrom } from "../../rooms/auth/levels";
import type { RoomEvent } from "../../rooms/event";
import { encodeActions } from "../../rooms/push/actions";
import { rulesInRoom } from "../../rooms/push/classes";
import { pushUser } from "../../rooms/push/conditions";
import { evaluateEvent } from "../../rooms/push/evaluateEvent";
import type { EventOutcomes, OutcomeRow, PushEventContext } from "../../rooms/push/evaluateEvent";
import { compileRuleset } from "../../rooms/push/ruleset";
import { mainThread, threadHint } from "../../rooms/push/threads";
import { ignorersOf } from "../../storage/accountData";
import type { Db } from "../../storage/db";
import { deleteActionsOfEvents, insertClassActions, insertUserActions, moveSentPositions } from "../../storage/pushActions";
import { membershipOf } from "../../writers/eventFacts";
import type { PendingEvent, PushPersister, PushRows } from "../../writers/pendingEvent";
import type { PushRoomMembers } from "./roomMembers";

export interface PushEvaluatorDeps {
  readonly db: Db;
  readonly caches: Caches;
  readonly pushRules: PushRulesCache;
  readonly members: PushRoomMembers;
  readonly takesPart: (userId: string) => boolean;
}

export interface PushEvaluator extends PushPersister {
  readonly stats: CacheStats;
  /** Somebody ignores others than before. */
  forgetIgnorers(): void;
}

/** What is known of one event of a batch before its position is. */
interface Evaluated {
  readonly event: PendingEvent;
  readonly summary: PushSummary;
  readonly outcomes: EventOutcomes;
}

const MAX_THREAD_HOPS = 3;

/** Evaluates push rules of the events that the room writer is about to store. */
export function createPushEvaluator(deps: PushEvaluatorDeps): PushEvaluator {
  const { db, caches, members, takesPart } = deps;
  const ignorers = createCache<string, { readonly users: ReadonlySet<string> }>({
    name: "ignored_by",
    max: 20_000,
    load: async (userIds) => {
      const found = new Map((await ignorersOf(db, userIds)).map((row) => [row.ignored, new Set(row.ignorers)]));
      return userIds.map((userId) => [userId, { users: found.get(userId) ?? new Set() }]);
    },
  });

  async function evaluate(batch: readonly PendingEvent[]): Promise<PushRows> {
    const batchRooms = new Map(batch.map(({ built }) => [built.tip.room.nid, built.tip.room.roomId]));
    const roomNids = [...batchRooms.keys()];
    const [indexes, rooms, ignored, permissions, threads, invitees] = await Promise.all([
      members.of(Array.from(batchRooms, ([roomNid, roomId]) => ({ roomNid, roomId }))),
      caches.memberships.ofRooms(roomNids),
      ignorers.loadMany([...new Set(batch.map(({ built }) => built.event.sender))]),
      loadPermissions(caches, batch),
      threadsOf(caches, batch),
      loadInvitees(deps, batch),
    ]);
    const joined = new Map(Array.from(rooms, ([nid, room]) => [nid, room.joined]));
    const evaluated = batch.map((pending, i): Evaluated => {
      const { built } = pending;
      const { nid, room } = { nid: built.nid, room: built.tip.room };
      const count = (joined.get(room.nid) ?? 0) + joinStep(pending);
      joined.set(room.nid, count);
      const senderRead = takesPart(built.event.sender) ? readBySending(pending) : undefined;
      const index = indexes.get(room.nid);
      const context: PushEventContext = {
        memberCount: () => count,
        senderMayNotify: (key) => permissions[i]?.(key) ?? false,
        ignorers: ignored.get(built.event.sender)?.users ?? new Set(),
        invitee: invitees.get(nid),
        readBySender: senderRead !== undefined,
      };
      const outcomes = index ? evaluateEvent(built.event, index, context) : { classes: [], users: [] };
      return { event: pending, outcomes, summary: summaryOf(outcomes, threads[i] ?? mainThread, senderRead) };
    });
    return {
      summaries: new Map(evaluated.map(({ event, summary }) => [event.built.nid, summary])),
      insert: (tx, positions) => insertOutcomes(tx, evaluated, positions),
    };
  }

  return {
    stats: ignorers.stats,
    evaluate,
    forgetIgnorers: () => ignorers.clear(),
  };
}

function summaryOf(outcomes: EventOutcomes, threadId: string, senderRead: PushSummary["senderRead"]): PushSummary {
  return {
    threadId,
    classes: outcomes.classes.map(({ classId, notify, highlight }) => [classId, notify, highlight] as const),
    users: outcomes.users.map(({ userId, notify, highlight }) => [userId, notify, highlight] as const),
    senderRead,
  };
}

/** How an event changes the number of joined members. */
function joinStep({ built }: PendingEvent): number {
  if (built.event.type !== "m.room.member") return 0;
  return Number(membershipOf(built.event) === "join") - Number(membershipOf(built.replaces?.event) === "join");
}

/** Joining begins a new count; what else a user sends marks its thread as read, but for changes of their profile. */
function readBySending({ built }: PendingEvent): PushSummary["senderRead"] {
  const { event } = built;
  if (event.type !== "m.room.member" || event.stateKey !== event.sender) return "thread";
  return membershipOf(event) === "join" && membershipOf(built.replaces?.event) !== "join" ? "room" : undefined;
}

/** For each event, whether its sender may notify by a key, going by the state after it. */
async function loadPermissions(caches: Caches, batch: readonly PendingEvent[]): Promise<((key: string) => boolean)[]> {
  const keys = await caches.stateKeys.find([
    ["m.room.power_levels", ""],
    ["m.room.create", ""],
  ]);
  const nids = batch.map(({ built }) => keys.map((key) => (key === undefined ? undefined : packedGet(built.tip.group.state, key))));
  const fresh = new Map(batch.map(({ built }) => [built.nid, built.event]));
  const stored = await caches.events.byNids([...new Set(nids.flat())].filter((nid) => nid !== undefined && !fresh.has(nid)) as number[]);
  const eventOf = (nid: number | undefined): RoomEvent | undefined =>
    nid === undefined ? undefined : (fresh.get(nid) ?? stored.get(nid)?.event);
  return batch.map(({ built }, i) => (key) => {
    const levels = levelsFrom(built.tip.room.version, eventOf(nids[i]?.[0]), eventOf(nids[i]?.[1]));
    return levels.userLevel(built.event.sender) >= levels.notification(key);
  });
}

/** The threads that events belong to, parallel to the batch; related events are followed for a few hops. */
async function threadsOf(caches: Pick<Caches, "events">, batch: readonly PendingEvent[]): Promise<string[]> {
  const fresh = new Map(batch.map(({ built }) => [built.event.eventId, built.event]));
  return Promise.all(
    batch.map(async ({ built }) => {
      let event: RoomEvent | undefined = built.event;
      for (let hop = 0; event && hop <= MAX_THREAD_HOPS; hop++) {
        const hint: ReturnType<typeof threadHint> = event.stateKey === undefined ? threadHint(event.content) : undefined;
        if (!hint) return mainThread;
        if ("root" in hint) return hint.root;
        const next: RoomEvent | undefined = fresh.get(hint.follows) ?? (await caches.events.byId(hint.follows))?.event;
        event = next?.roomId === built.event.roomId ? next : undefined;
      }
      return mainThread;
    }),
  );
}

/** Local users who are invited by events of the batch, with all that their rules say in that room. By event number. */
async function loadInvitees(
  { pushRules, takesPart }: PushEvaluatorDeps,
  batch: readonly PendingEvent[],
): Promise<Map<number, PushEventContext["invitee"]>> {
  const invites = batch.flatMap(({ built: { nid, event } }) =>
    event.type === "m.room.member" && membershipOf(event) === "invite" && event.stateKey !== undefined && takesPart(event.stateKey)
      ? [{ nid, userId: event.stateKey, roomId: event.roomId }]
      : [],
  );
  const rules = await pushRules.rulesOf([...new Set(invites.map(({ userId }) => userId))]);
  return new Map(
    invites.map(({ nid, userId, roomId }) => {
      const own = rules.get(userId)?.rules;
      const ruleset = compileRuleset(own ? rulesInRoom(own, roomId).own : { rules: {}, defaults: {} });
      return [nid, { user: pushUser(userId, undefined), ruleset }];
    }),
  );
}

const outcomeColumns = ({ outcome, notify, highlight }: OutcomeRow) => ({
  notify,
  highlight,
  notifies: outcome.notify,
  highlights: outcome.highlight,
  actions: encodeActions(outcome.actions),
});

async function insertOutcomes(tx: Db, evaluated: readonly Evaluated[], positions: ReadonlyMap<number, number>): Promise<void> {
  const placed = evaluated.map(({ event, outcomes, summary }) => ({
    outcomes,
    sender: event.built.event.sender,
    senderRead: summary.senderRead,
    at: { roomNid: event.built.tip.room.nid, streamOrdering: positions.get(event.built.nid) ?? 0, threadId: summary.threadId },
  }));
  const classes = placed.flatMap(({ outcomes, at }) =>
    outcomes.classes.map((row) => ({ ...at, classId: row.classId, ...outcomeColumns(row) })),
  );
  const users = placed.flatMap(({ outcomes, at }) => outcomes.users.map((row) => ({ ...at, userId: row.userId, ...outcomeColumns(row) })));
  const sent = placed.flatMap(({ sender, senderRead, at }) =>
    senderRead ? [{ ...at, userId: sender, threadId: senderRead === "room" ? "" : at.threadId }] : [],
  );
  const redacted = evaluated.flatMap(({ event }) => event.redacts ?? []);
  await Promise.all([
    ...(classes.length > 0 ? [insertClassActions(tx, classes)] : []),
    ...(users.length > 0 ? [insertUserActions(tx, users)] : []),
    ...(sent.length > 0 ? [moveSentPositions(tx, sent)] : []),
    ...(redacted.length > 0 ? [deleteActionsOfEvents(tx, redacted)] : []),
  ]);
}
