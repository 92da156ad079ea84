import type { StoredEvent } from "../caches/events";
import type { StateGroup } from "../caches/stateGroups";
import type { BuiltOnTip } from "./buildOnTip";
import { unstored } from "./eventRows";

/** What is built and not stored yet. */
export interface Ahead {
  readonly byNid: ReadonlyMap<number, StoredEvent>;
  readonly byId: ReadonlyMap<string, StoredEvent>;
  /** State groups that come with these events. */
  readonly groups: ReadonlyMap<number, StateGroup>;
}

/** Keeps what is on its way to the disk, as what comes next may build on it. */
export class Unstored implements Ahead {
  readonly byNid = new Map<number, StoredEvent>();
  readonly byId = new Map<string, StoredEvent>();
  readonly groups = new Map<number, StateGroup>();

  add(built: BuiltOnTip): void {
    const event = unstored(built);
    this.byNid.set(built.nid, event);
    this.byId.set(event.row.eventId, event);
    for (const group of newGroups(built)) this.groups.set(group.id, group);
  }

  delete(built: BuiltOnTip): void {
    this.byNid.delete(built.nid);
    this.byId.delete(built.event.eventId);
    for (const { id } of newGroups(built)) this.groups.delete(id);
  }
}

/** The states after an event and of the room that are stored with the event. */
export function newGroups({ groups, after, tip }: BuiltOnTip): StateGroup[] {
  if (groups.length === 0) return [];
  const ids = new Set(groups.map(({ id }) => id));
  return [...(after ? [after] : []), tip.group].filter(({ id }) => ids.has(id));
}
