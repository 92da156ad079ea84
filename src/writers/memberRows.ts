import type { StoredEvent } from "../caches/events";
import { hostOf } from "../caches/memberships";
import type { Config } from "../config/config";
import type { RoomEvent } from "../rooms/event";
import { isOutside } from "../storage/memberships";
import type { MemberRow } from "../storage/memberships";
import type { NewEventRow } from "../storage/persistEvents";
import { brought } from "./buildOnTip";
import { membershipOf, textOf } from "./eventFacts";
import { concerns } from "./eventRows";
import type { PendingEvent, Placed } from "./pendingEvent";

/** What decides on what is stored of members: `forget_rooms_on_leave` is part of it. */
export interface MemberRules {
  readonly serverName: string;
  readonly config: Pick<Config, "forget_rooms_on_leave">;
}

interface BroughtDeps extends MemberRules {
  /** Events that are stored or about to be. */
  stored(nids: readonly number[]): Promise<ReadonlyMap<number, StoredEvent>>;
}

const READ_AT_ONCE = 500;

/** What a member event says, wherever it stands. */
type MemberFacts = Omit<MemberRow, "roomNid" | "eventNid" | "streamOrdering">;

/** What a member event says of its target; undefined for other events, and memberships that there are not. */
export function memberFacts(event: RoomEvent, { serverName, config }: MemberRules): MemberFacts | undefined {
  const membership = event.type === "m.room.member" ? membershipOf(event) : undefined;
  if (membership === undefined || event.stateKey === undefined) return undefined;
  return {
    userId: event.stateKey,
    membership,
    sender: event.sender,
    isLocal: hostOf(event.stateKey) === serverName,
    forgotten: config.forget_rooms_on_leave && isOutside(membership),
    displayName: textOf(event.content, "displayname"),
    avatarUrl: textOf(event.content, "avatar_url"),
  };
}

/** The newest membership of each (room, user) in the batch: an upsert may touch a row only once. */
export function memberRows(placed: readonly Placed[], others: ReadonlyMap<number, MemberFacts>, rules: MemberRules): MemberRow[] {
  const rows = new Map<string, MemberRow>();
  const add = (facts: MemberFacts | undefined, eventNid: number, { roomNid, streamOrdering }: NewEventRow): void => {
    if (facts) rows.set(`${roomNid} ${facts.userId}`, { ...facts, roomNid, eventNid, streamOrdering: streamOrdering ?? 0 });
  };
  for (const { pending, row } of placed) {
    const { built } = pending;
    for (const nid of brought(built)) add(others.get(nid), nid, row);
    if (concerns(built)) add(memberFacts(built.event, rules), row.nid, row);
  }
  return [...rows.values()];
}

/** Member events that come into the state of their rooms besides those of the batch: read a few at a time, as they may be all of a room's. */
export async function broughtMembers(deps: BroughtDeps, batch: readonly PendingEvent[]): Promise<Map<number, MemberFacts>> {
  const found = new Map<number, MemberFacts>();
  const nids = batch.flatMap(({ built }) => brought(built));
  for (let i = 0; i < nids.length; i += READ_AT_ONCE) {
    for (const [nid, { event }] of await deps.stored(nids.slice(i, i + READ_AT_ONCE))) {
      const facts = memberFacts(event, deps);
      if (facts) found.set(nid, facts);
    }
  }
  return found;
}
