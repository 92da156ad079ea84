import { StoredEvent } from "../../caches/events";
import { hostOf } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { packedSplit, packedValues } from "../../lib/packedMap";
import type { Database, Db } from "../../storage/db";
import { eventsHead, getEventsByNid } from "../../storage/events";
import type { EventRow } from "../../storage/events";
import { upsertMembers } from "../../storage/memberships";
import {
  deleteStateDeltas,
  deleteStrangers,
  eventsFrom,
  markWhole,
  memberEvents,
  moveOlderEvents,
  rewriteEvents,
} from "../../storage/partialRooms";
import type { WholeRoom } from "../../storage/partialRooms";
import { changeRoomStats, recountMembers } from "../../storage/persistEvents";
import { getTips, moveTips } from "../../storage/rooms";
import { FIRST_MEMBER_KEY, insertStateDeltas, insertStateGroups } from "../../storage/state";
import { nextIds } from "../../storage/streamIds";
import type { StreamRow } from "../../storage/streamIds";
import { unPartialStatedRoomStream } from "../../streams/unPartialStatedRoom";
import { TipConflict } from "../tipRows";
import { memberFacts } from "../memberRows";
import type { MemberRules } from "../memberRows";
import { shownIn } from "../roomStats";
import { namedState } from "./namedState";
import type { RemoteStoreDeps } from "./remoteStore";
import { Replay } from "./replay";

/** The whole state before a join that came without members. */
export interface WholeState {
  readonly joinId: string;
  /** Ids of events that are stored. */
  readonly state: readonly string[];
}

type WholeDeps = RemoteStoreDeps & { readonly db: Database };

/** A room whose members were left out when it was joined, as it is with them. */
export interface Completion {
  readonly rows: readonly StreamRow<WholeRoom>[];
  /** Whether there was a room to complete: not where nobody of this server is in it any more. */
  readonly kind: "whole" | "abandoned";
  /** Events that were looked at again, and those of them that turned out differently. */
  readonly events: number;
  readonly changed: number;
  /** Servers with members that were not named when we joined. */
  readonly unnamedHosts: number;
}

/** Events and members that are read at once. */
const PAGE = 500;

/**
 * Gives a room the state that it really had when we joined it, and works out anew what came of it since. Call it while the room stands
 * still; what is remembered of the room is void afterwards. Undefined where the room lacks nothing, or was joined anew meanwhile.
 */
export async function becomeWhole(deps: WholeDeps, room: RoomInfo, { joinId, state }: WholeState): Promise<Completion | undefined> {
  deps.caches.partialRooms.forget();
  const partial = (await deps.caches.partialRooms.all()).get(room.nid);
  if (partial?.fullAt !== null) return undefined;
  const join = (await deps.caches.events.byNids([partial.joinNid])).get(partial.joinNid);
  const position = join?.row.streamOrdering ?? null;
  const { local } = await deps.caches.memberships.ofRoom(room.nid);
  if (position === null || local.size === 0) {
    const rows = await deps.db.tx((tx) => announce(tx, room, "as_named"));
    return { rows, kind: "abandoned", events: 0, changed: 0, unnamedHosts: 0 };
  }
  if (join?.row.eventId !== joinId) return undefined;
  const replay = new Replay(deps, room, { nid: partial.joinNid, before: await namedState(deps, room, state) });
  const before = await replayFrom(deps, room, replay, position);
  if (replay.tip.extremities.length === 0) throw new Error("the state does not allow our join");
  const [tip] = await getTips(deps.db, [room.nid]);
  if (!tip) throw new Error(`room ${room.roomId} has no tip`);
  const stored = new Map(replay.done.map(({ event }) => [event.row.nid, event]));
  const shown = await shownIn(deps.caches, replay.tip.group.state, stored);
  const { rows, hosts } = await deps.db.tx(async (tx) => {
    await Promise.all(statements(tx, room, replay, position));
    const hosts = await storeMembers(tx, deps, room, replay);
    await changeRoomStats(tx, [{ roomNid: room.nid, joinedDelta: 0, invitedDelta: 0, localDelta: 0, ...shown }]);
    await recountMembers(tx, [room.nid]);
    const { extremities, group, depth } = replay.tip;
    const ends = extremities.map(({ nid }) => nid);
    const next = { ...tip, extremities: ends, depth, stateGroup: group.id, expected: tip.tipVersion, tipVersion: tip.tipVersion + 1 };
    if ((await moveTips(tx, [next])) !== 1) throw new TipConflict("the room has another tip");
    return { rows: await announce(tx, room, "known"), hosts };
  });
  const isOtherwise = ({ nid, rejected, softFailed }: Verdict & { readonly nid: number }): boolean => {
    const was = before.get(nid);
    return (rejected === null) !== (was?.rejected === null) || softFailed !== was?.softFailed;
  };
  return {
    rows,
    kind: "whole",
    events: replay.done.length,
    changed: replay.done.filter(({ event }) => isOtherwise(event.row)).length,
    unnamedHosts: [...hosts].filter((host) => !partial.hosts.includes(host)).length,
  };
}

async function announce(tx: Db, { nid: roomNid, roomId }: RoomInfo, hosts: "known" | "as_named"): Promise<StreamRow<WholeRoom>[]> {
  const [id = 0] = await nextIds(tx, unPartialStatedRoomStream, 1);
  await markWhole(tx, roomNid, id, hosts);
  return [{ id, row: { roomNid, roomId } }];
}

type Verdict = Pick<EventRow, "rejected" | "softFailed">;

/** Gives what was thought of the events before, by number. */
async function replayFrom({ db, caches }: WholeDeps, room: RoomInfo, replay: Replay, from: number): Promise<Map<number, Verdict>> {
  const nids = await eventsFrom(db, room.nid, from);
  const before = new Map<number, Verdict>();
  for (let i = 0; i < nids.length; i += PAGE) {
    const page = nids.slice(i, i + PAGE);
    const events = await caches.events.byNids(page);
    for (const nid of page) {
      const event = events.get(nid);
      if (!event) continue;
      before.set(nid, event.row);
      await replay.next(event);
    }
  }
  return before;
}

/** What is written besides the members. */
function statements(tx: Db, { nid: roomNid }: RoomInfo, { done }: Replay, joinedAt: number): Promise<unknown>[] {
  const groups = done.flatMap(({ built }) => built.groups);
  const deltas = done.flatMap(({ built, event }) =>
    built.moves.map(({ keyNid, prev, nid }) => ({
      roomNid,
      streamOrdering: event.row.streamOrdering ?? 0,
      keyNid,
      prevNid: prev?.row.nid ?? null,
      nid: nid ?? null,
    })),
  );
  const before = groups[0];
  return [
    insertStateGroups(tx, groups),
    rewriteEvents(
      tx,
      done.map(({ event: { row } }) => row),
    ),
    deleteStateDeltas(tx, roomNid, joinedAt),
    insertStateDeltas(tx, deltas),
    ...(before ? [moveOlderEvents(tx, roomNid, joinedAt, before.id)] : []),
  ];
}

/**
 * Members in the database are those of the state. Who was not known before is new here as of now, also to who keeps lists of devices.
 * Gives the servers that they are on.
 */
async function storeMembers(tx: Db, rules: MemberRules, { nid: roomNid }: RoomInfo, replay: Replay): Promise<Set<string>> {
  const nids = packedValues(packedSplit(replay.tip.group.state, FIRST_MEMBER_KEY).rest);
  const [stored, streamOrdering] = await Promise.all([memberEvents(tx, roomNid), eventsHead(tx)]);
  const known = new Set(stored.map(({ eventNid }) => eventNid));
  const fresh = nids.filter((nid) => !known.has(nid));
  const hosts = new Set<string>();
  for (let i = 0; i < fresh.length; i += PAGE) {
    const rows = await getEventsByNid(tx, fresh.slice(i, i + PAGE));
    const members = rows.flatMap((row) => {
      const { event } = new StoredEvent(row, replay.room);
      const facts = memberFacts(event, rules);
      return facts ? { ...facts, roomNid, eventNid: row.nid, streamOrdering } : [];
    });
    for (const { userId, membership } of members) if (membership === "join") hosts.add(hostOf(userId));
    await upsertMembers(tx, members);
  }
  await deleteStrangers(tx, roomNid, nids);
  return hosts;
}
