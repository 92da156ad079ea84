import type { Caches } from "../../caches/caches";
import type { StoredEvent } from "../../caches/events";
import { buildOnTip, loadInputs, refusal } from "../buildOnTip";
import type { BuildContext, BuildInputs, BuiltOnTip } from "../buildOnTip";
import type { SendIntent, SendRefusal } from "../intents";
import { MAX_PREV_EVENTS } from "../roomTip";
import type { RoomTip } from "../roomTip";
import type { StateGroupRow } from "../../storage/state";
import { acceptRemote, resolvedGroup } from "./remoteBuild";
import type { RemoteBuildDeps } from "./remoteBuild";

/** A room has more ends than an event may cite. */
export const hasManyEnds = ({ extremities }: RoomTip): boolean => extremities.length > MAX_PREV_EVENTS;

/** The deepest ends of a room, as many as an event may cite, with the state that they make. */
async function deepestEnds(deps: RemoteBuildDeps, tip: RoomTip): Promise<{ tip: RoomTip; rows: readonly StateGroupRow[] }> {
  const events = await deps.caches.events.byNids(tip.extremities.map(({ nid }) => nid));
  const depthOf = (nid: number): number => events.get(nid)?.row.depth ?? 0;
  const chosen = [...tip.extremities].sort((a, b) => depthOf(b.nid) - depthOf(a.nid)).slice(0, MAX_PREV_EVENTS);
  const ids = new Set(chosen.flatMap(({ nid }) => events.get(nid)?.row.stateGroup ?? []));
  const groups = await deps.caches.stateGroups.loadMany([...ids]);
  const { group, rows } = await resolvedGroup(deps, tip.room, [...groups.values()]);
  return { tip: { ...tip, extremities: chosen, group }, rows };
}

/**
 * Builds an event of ours in a room with more ends than it may cite: on the state that the cited ones make, as every other server will
 * work it out. The others stay ends of the room. Everything of the room has to be stored.
 */
export async function buildOnSomeEnds(
  deps: RemoteBuildDeps & { readonly caches: Pick<Caches, "stateKeys" | "events"> },
  tip: RoomTip,
  intent: SendIntent,
  contextFor: () => Promise<BuildContext>,
): Promise<{ readonly built: BuiltOnTip; readonly inputs: BuildInputs } | { readonly refused: SendRefusal }> {
  const some = await deepestEnds(deps, tip);
  const [inputs, context] = await Promise.all([loadInputs(deps.caches, some.tip, intent, new Map<number, StoredEvent>()), contextFor()]);
  const onSome = buildOnTip(some.tip, intent, inputs, context);
  if ("refused" in onSome) return onSome;
  const built = await acceptRemote(deps, {
    event: onSome.event,
    json: onSome.json,
    nid: context.nid,
    tip,
    before: some.tip.group,
    newGroups: some.rows,
    authEvents: [],
    follows: new Set(some.tip.extremities.map(({ eventId }) => eventId)),
    startsAnew: false,
  });
  if (built.verdict.softFailed) return { refused: refusal(403, "M_FORBIDDEN", "The present state of the room does not allow that") };
  return { built, inputs };
}
