import { createCache } from "../../caches/cache";
import type { CacheStats } from "../../caches/cache";
import type { Caches } from "../../caches/caches";
import type { PushRulesCache } from "../../caches/pushRules";
import type { RoomKey } from "../../caches/readPositions";
import { createPushMembers } from "../../rooms/push/members";
import type { PushMembers } from "../../rooms/push/members";
import { untouchedRules } from "../../rooms/push/rules";
import type { EventStreamRow } from "../../storage/events";

export interface RoomMembersDeps {
  readonly caches: Pick<Caches, "memberships">;
  readonly pushRules: PushRulesCache;
  /** Whether push rules are evaluated for a user: local, and no puppet of an application service. */
  readonly takesPart: (userId: string) => boolean;
  /** Bound in members of all rooms together. */
  readonly maxMembers: number;
}

/** Local members of the rooms whose events are evaluated here, indexed for that. */
export interface PushRoomMembers {
  readonly stats: CacheStats;
  of(rooms: readonly RoomKey[]): Promise<Map<number, PushMembers>>;
  /** To be told of rows of the events stream. */
  applyEvent(row: EventStreamRow): void;
  /** A user has other rules now. */
  changeRules(userId: string): void;
  /** Forgets a room whose members changed without an event. */
  forget(room: RoomKey): void;
}

/** Holds the id too, because a room that is just being made is not in the database yet. */
const keyOf = ({ roomNid, roomId }: RoomKey): string => `${roomNid} ${roomId}`;
function parseKey(key: string): RoomKey {
  const space = key.indexOf(" ");
  return { roomNid: Number(key.slice(0, space)), roomId: key.slice(space + 1) };
}

/** Users whose rules have to be looked up again, numbered. Old entries go: who has not seen them cannot catch up any more. */
function createChangeLog(max: number) {
  let first = 0;
  let users: string[] = [];
  return {
    first: (): number => first,
    end: (): number => first + users.length,
    since: (from: number): string[] => users.slice(Math.max(0, from - first)),
    note(userId: string): void {
      users.push(userId);
      if (users.length <= max) return;
      first += max / 2;
      users = users.slice(max / 2);
    },
  };
}
type ChangeLog = ReturnType<typeof createChangeLog>;
const MAX_LOG = 20_000;

/** Gives indexes the rules that changed since each was last used. */
async function refresh(
  deps: { log: ChangeLog; seen: WeakMap<PushMembers, number>; pushRules: PushRulesCache },
  indexes: Iterable<PushMembers>,
): Promise<void> {
  const { log, seen, pushRules } = deps;
  const end = log.end();
  const late: { index: PushMembers; users: string[] }[] = [];
  for (const index of indexes) {
    const from = seen.get(index) ?? 0;
    seen.set(index, end);
    const users = log.since(from).filter((userId) => index.has(userId));
    if (users.length > 0) late.push({ index, users });
  }
  if (late.length === 0) return;
  const rules = await pushRules.rulesOf([...new Set(late.flatMap(({ users }) => users))]);
  for (const { index, users } of late) for (const userId of users) index.setRules(userId, rules.get(userId)?.rules ?? untouchedRules);
}

export function createPushRoomMembers({ caches, pushRules, takesPart, maxMembers }: RoomMembersDeps): PushRoomMembers {
  const log = createChangeLog(MAX_LOG);
  const seen = new WeakMap<PushMembers, number>();
  const cache = createCache<string, PushMembers>({
    name: "push_room_members",
    max: maxMembers,
    sizeOf: (members) => members.size + 10,
    load,
  });

  async function load(keys: readonly string[]): Promise<(readonly [string, PushMembers])[]> {
    const upTo = log.end();
    const rooms = keys.map((key) => ({ key, ...parseKey(key) }));
    const members = await caches.memberships.ofRooms(rooms.map(({ roomNid }) => roomNid));
    const local = rooms.map((room) => ({
      ...room,
      users: [...(members.get(room.roomNid)?.local ?? [])].filter(([userId]) => takesPart(userId)),
    }));
    const rules = await pushRules.rulesOf([...new Set(local.flatMap(({ users }) => users.map(([userId]) => userId)))]);
    return local.map(({ key, roomId, users }) => {
      const index = createPushMembers(roomId);
      for (const [userId, { displayName }] of users) index.set(userId, displayName, rules.get(userId)?.rules ?? untouchedRules);
      seen.set(index, upTo);
      return [key, index];
    });
  }

  return {
    stats: cache.stats,
    async of(rooms) {
      const keys = rooms.map(keyOf);
      for (const key of keys) {
        const index = cache.get(key);
        if (index && (seen.get(index) ?? 0) < log.first()) cache.delete(key);
      }
      const indexes = await cache.loadMany(keys);
      await refresh({ log, seen, pushRules }, indexes.values());
      return new Map(Array.from(indexes, ([key, index]) => [parseKey(key).roomNid, index]));
    },
    applyEvent(row) {
      if (row.membership === null || row.stateKey === null || row.keyNid === null || !takesPart(row.stateKey)) return;
      const index = cache.get(keyOf(row));
      // A load under way may have missed it.
      if (!index) return cache.delete(keyOf(row));
      if (row.membership !== "join") return index.delete(row.stateKey);
      index.set(row.stateKey, row.displayName ?? undefined, untouchedRules);
      log.note(row.stateKey);
    },
    changeRules: (userId) => log.note(userId),
    forget: (room) => cache.delete(keyOf(room)),
  };
}
