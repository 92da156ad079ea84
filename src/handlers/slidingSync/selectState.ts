import type { StatePair } from "../../caches/stateKeys";
import { packedForEach, packedGet, packedKeys, packedValues } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { isFinite, noState, sweepsMembers, wantsState } from "../../rooms/sliding/requiredState";
import type { RequiredState } from "../../rooms/sliding/requiredState";
import type { App } from "../app";
import type { ResolvedState, StateJob } from "../sync/joinedState";
import { membersOnly, withoutMembers } from "../sync/stateSection";
import type { SlidingJob } from "./plan";

type StateApp = Pick<App, "caches">;

const MEMBER = "m.room.member";

/** The state events of a room to send, by number, and what else follows from how the state moved. */
export interface SelectedState {
  readonly nids: readonly number[];
  /** Types of state that changed, whether the client wants to have it or not. */
  readonly changed: ReadonlySet<string>;
  /** Members sent because they are needed. */
  readonly members: readonly string[];
  /** Something changed of which the client had the value before, and it did not ask for it this time. */
  readonly outdated: boolean;
}

export interface SelectionContext {
  /** Whether the client has the member event of a user already. */
  knowsMember(userId: string): boolean;
}

/** Whether the whole state of the room is needed, not only how it changed. */
export function needsState({ job, initial, wider, wanted }: SlidingJob): boolean {
  return job.kind === "full" || initial || wider || wanted.state.lazyMembers;
}

export async function selectState(
  app: StateApp,
  { job, wanted, known, wider }: SlidingJob,
  { job: stateJob, shown, source }: ResolvedState<StateJob>,
  context: SelectionContext,
): Promise<SelectedState> {
  const full = job.kind === "full";
  const needed = wanted.state.lazyMembers ? neededMembers(stateJob) : new Set<string>();
  const news = full ? noNews : await selectChanges(app, shown, { wanted: wanted.state, known: known?.state ?? noState });
  const nids = new Set<number>(full ? await matching(app, source, wanted.state) : news.wanted);
  if (wider) for (const nid of await matching(app, source, wanted.state, known?.state)) nids.add(nid);
  const members: string[] = [];
  if (wanted.state.lazyMembers) {
    // After a gap only those are told of that the client needs or has; else all that changed, so that it can keep a list of them.
    for (const [userId, nid] of news.members) {
      if (stateJob.timeline.limited && !needed.has(userId) && !context.knowsMember(userId)) continue;
      nids.add(nid);
      members.push(userId);
    }
    const missing = [...needed].filter((userId) => !news.members.has(userId) && (full || !context.knowsMember(userId)));
    const keys = await app.caches.stateKeys.find(missing.map((userId): StatePair => [MEMBER, userId]));
    keys.forEach((key) => {
      const nid = key === undefined ? undefined : packedGet(source, key);
      if (nid !== undefined) nids.add(nid);
    });
    members.push(...missing);
  }
  return { nids: [...nids], changed: news.changed, members, outdated: news.outdated };
}

/** Who sends what the timeline shows, and whose membership changes in it (MSC4186, "Lazy loaded memberships"). */
function neededMembers({ timeline }: StateJob): Set<string> {
  const users = new Set<string>();
  for (const { row } of timeline.events) {
    users.add(row.sender);
    if (row.type === MEMBER && row.stateKey !== null) users.add(row.stateKey);
  }
  return users;
}

interface Changes {
  readonly wanted: readonly number[];
  readonly changed: ReadonlySet<string>;
  /** Members that changed, user id -> event. */
  readonly members: ReadonlyMap<string, number>;
  readonly outdated: boolean;
}

const noNews: Changes = { wanted: [], changed: new Set(), members: new Map(), outdated: false };

async function selectChanges(
  app: StateApp,
  state: PackedMap,
  { wanted, known }: { readonly wanted: RequiredState; readonly known: RequiredState },
): Promise<Changes> {
  if (state.size === 0) return noNews;
  const pairs = await app.caches.stateKeys.pairs(packedKeys(state));
  const nids: number[] = [];
  const members = new Map<string, number>();
  const changed = new Set<string>();
  let outdated = false;
  packedForEach(state, (key, nid) => {
    const pair = pairs.get(key);
    if (!pair) return;
    const { type, stateKey } = pair;
    changed.add(type);
    if (type === MEMBER) members.set(stateKey, nid);
    if (wantsState(wanted, type, stateKey)) nids.push(nid);
    else if (wantsState(known, type, stateKey) || (type === MEMBER && known.lazyMembers && !wanted.lazyMembers)) outdated = true;
  });
  return { wanted: nids, changed, members, outdated };
}

/** The events of a state that are wanted; without those of `except`, which the client has. */
async function matching(app: StateApp, state: PackedMap, wanted: RequiredState, except: RequiredState = noState): Promise<number[]> {
  if (wanted.everything === "yes" && except === noState) return packedValues(state);
  const isNew = ([type, key]: StatePair): boolean => !wantsState(except, type, key);
  const named = [
    ...[...wanted.pairs].flatMap(([type, keys]) => [...keys].map((key): StatePair => [type, key])),
    ...[...wanted.keys].map((key): StatePair => [MEMBER, key]),
  ].filter(isNew);
  const found = (await app.caches.stateKeys.find(named)).flatMap((key) => (key === undefined ? [] : (packedGet(state, key) ?? [])));
  if (isFinite(wanted)) return found;
  const swept = [withoutMembers(state), ...(sweepsMembers(wanted) ? [membersOnly(state)] : [])];
  for (const part of swept) {
    const pairs = await app.caches.stateKeys.pairs(packedKeys(part));
    packedForEach(part, (key, nid) => {
      const pair = pairs.get(key);
      if (pair && wantsState(wanted, pair.type, pair.stateKey) && isNew([pair.type, pair.stateKey])) found.push(nid);
    });
  }
  return found;
}
