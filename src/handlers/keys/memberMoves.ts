import type { TailEntry } from "../../caches/roomTails";
import { memberEventsBetween } from "../../storage/memberships";
import { membershipOf } from "../../writers/eventFacts";
import type { App } from "../app";

/** Whether an event changed the current membership of somebody. */
export const isMemberMove = ({ type, keyNid }: TailEntry): boolean => type === "m.room.member" && keyNid !== undefined;

/** One member event and the one that it replaced. */
interface Move {
  readonly nid: number;
  readonly prevNid: number | undefined;
}

/**
 * Who came into rooms or was invited, so that keys for them will be wanted, and who went, between two positions of the events stream.
 * From memory where it reaches back so far.
 */
export async function memberMoves(
  app: Pick<App, "db" | "caches">,
  roomNids: readonly number[],
  since: number,
  upTo: number,
): Promise<{ readonly came: readonly string[]; readonly went: readonly string[] }> {
  const moves: Move[] = [];
  const unknown: number[] = [];
  for (const nid of roomNids) {
    const tail = app.caches.tails.between(nid, since, upTo);
    if (!tail) unknown.push(nid);
    else moves.push(...tail.filter(isMemberMove));
  }
  if (unknown.length > 0) {
    const rows = await memberEventsBetween(app.db, unknown, since, upTo);
    moves.push(...rows.map(({ nid, replacesNid }) => ({ nid, prevNid: replacesNid ?? undefined })));
  }
  if (moves.length === 0) return { came: [], went: [] };
  const events = await app.caches.events.byNids(moves.flatMap(({ nid, prevNid }) => (prevNid === undefined ? [nid] : [nid, prevNid])));
  const came = new Set<string>();
  const went = new Set<string>();
  const stateOf = (nid: number | undefined) => membershipOf(nid === undefined ? undefined : events.get(nid)?.event);
  for (const { nid, prevNid } of moves) {
    const userId = events.get(nid)?.row.stateKey;
    if (typeof userId !== "string") continue;
    const [before, after] = [stateOf(prevNid), stateOf(nid)];
    if (after !== before && (after === "join" || after === "invite")) came.add(userId);
    if (before === "join" && after !== "join") went.add(userId);
  }
  return { came: [...came], went: [...went] };
}
