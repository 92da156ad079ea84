import { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { StateGroup } from "../../caches/stateGroups";
import { packedGet, packedMerge, packedSplit, packedWith, packedWithout } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { FIRST_MEMBER_KEY } from "../../storage/state";
import type { BuiltOnTip } from "../buildOnTip";
import { newTip } from "../roomTip";
import type { RoomTip } from "../roomTip";
import { nearestGroup, resolvedGroup, snapshotGroup } from "./remoteBuild";
import type { BuildReads, GroupToStore, RemoteBuildDeps } from "./remoteBuild";
import { followed, groupAfter, judge } from "./remoteStore";
import type { StateReads } from "./resolveGroups";

/** What building reads here, and the states that groups stand for. */
export type ReplayReads = BuildReads & StateReads;
type ReplayDeps = RemoteBuildDeps & { readonly caches: ReplayReads };

/** An event as it stands on the whole state. */
export interface Replayed {
  readonly event: StoredEvent;
  readonly built: BuiltOnTip;
}

/**
 * Works out anew what a room came to since a join that lacked members, now that the whole state before it is known: the same events in the
 * same order, each judged at the state that it really had. Stores nothing.
 */
export class Replay {
  readonly done: Replayed[] = [];
  private readonly deps: ReplayDeps;
  /** As it is stored. */
  private readonly caches: ReplayReads;
  private readonly events = new Map<string, StoredEvent>();
  private readonly groups = new Map<number, StateGroup>();
  private at: RoomTip;

  constructor(
    deps: ReplayDeps,
    readonly room: RoomInfo,
    private readonly join: { readonly nid: number; readonly before: PackedMap },
  ) {
    this.at = newTip(room);
    this.caches = deps.caches;
    this.deps = { groupIds: deps.groupIds, caches: this.reads(deps.caches) };
  }

  /** Where the room stands after all that was replayed. */
  get tip(): RoomTip {
    return this.at;
  }

  /** Replays the next event. */
  async next(stored: StoredEvent): Promise<void> {
    const { row, event } = stored;
    const startsAnew = row.nid === this.join.nid;
    const { caches } = this.deps;
    const [prev, auth] = await Promise.all([caches.events.byIds(event.prevEvents), caches.events.byIds(event.authEvents)]);
    const before = startsAnew ? await snapshotGroup(this.deps, this.room, this.join.before) : await this.stateBefore(stored, prev);
    const result = await judge(this.deps, {
      event,
      json: row.json,
      nid: row.nid,
      tip: this.at,
      before: before.group,
      newGroups: before.rows,
      authEvents: [...auth.values()],
      follows: await followed(caches, this.room, prev),
      startsAnew,
      // A redaction that has no effect is part of the room all the same.
      suspect: row.softFailed && row.type !== "m.room.redaction",
    });
    if ("built" in result) this.take(stored, result.built, before.group);
  }

  private take(stored: StoredEvent, built: BuiltOnTip, before: StateGroup): void {
    const { verdict } = built;
    const softFailed = verdict.softFailed || (verdict.rejected === null && stored.row.softFailed);
    const row = {
      ...stored.row,
      stateGroup: built.after?.id ?? null,
      replacesNid: built.replaces?.row.nid ?? null,
      rejected: verdict.rejected,
      softFailed,
    };
    const event = new StoredEvent(row, this.room, stored.event);
    this.events.set(row.eventId, event);
    for (const group of [built.after ?? before, built.tip.group]) this.groups.set(group.id, group);
    if (built.movesTip) this.at = built.tip;
    this.done.push({ event, built });
  }

  /** From the events before it. What came before others of them only another server knew, and not all of its members. */
  private async stateBefore(stored: StoredEvent, prev: ReadonlyMap<string, StoredEvent>): Promise<GroupToStore> {
    const after = stored.event.prevEvents.map((id) => groupAfter(this.room, prev.get(id)));
    const ids = [...new Set(after.flatMap((id) => id ?? []))];
    const groups = [...(await this.deps.caches.stateGroups.loadMany(ids)).values()];
    const isTold = after.includes(undefined) || groups.length === 0;
    const told = isTold ? await this.toldBefore(stored) : undefined;
    const all = told ? [...groups, told.group] : groups;
    const { group, rows } = await resolvedGroup(this.deps, this.room, all);
    return { group, rows: [...(told?.rows ?? []), ...rows] };
  }

  private async toldBefore({ row }: StoredEvent): Promise<GroupToStore> {
    const known = this.at.group;
    const after = row.stateGroup === null ? known.state : await this.caches.roomState.group(row.stateGroup);
    const [key] = row.stateKey === null ? [] : await this.caches.stateKeys.find([[row.type, row.stateKey]]);
    const took = key !== undefined && packedGet(after, key) === row.nid ? key : undefined;
    const before =
      took === undefined ? after : row.replacesNid === null ? packedWithout(after, took) : packedWith(after, took, row.replacesNid);
    const [id = 0] = await this.deps.groupIds.take(1);
    const { group, row: stored } = nearestGroup(
      id,
      this.room.nid,
      [known],
      packedMerge(packedSplit(known.state, FIRST_MEMBER_KEY).rest, before),
    );
    return { group, rows: [stored] };
  }

  /** What was replayed takes the place of what is stored. */
  private reads(caches: ReplayReads): ReplayReads {
    const { events, groups } = this;
    return {
      ...caches,
      partialRooms: { ...caches.partialRooms, has: () => Promise.resolve(false), cached: () => false },
      events: {
        byIds: async (ids) => {
          const found = await caches.events.byIds(ids);
          for (const id of found.keys()) found.set(id, events.get(id) ?? (found.get(id) as StoredEvent));
          return found;
        },
        byNids: async (nids) => {
          const found = await caches.events.byNids(nids);
          for (const [nid, event] of found) found.set(nid, events.get(event.row.eventId) ?? event);
          return found;
        },
      },
      stateGroups: {
        loadMany: async (ids) => {
          const stored = await caches.stateGroups.loadMany(ids.filter((id) => !groups.has(id)));
          for (const id of ids) {
            const group = groups.get(id);
            if (group) stored.set(id, group);
          }
          return stored;
        },
      },
    };
  }
}
