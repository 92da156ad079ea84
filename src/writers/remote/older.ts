import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { packedGet, packedWith, packedWithout } from "../../lib/packedMap";
import { markRedacted, olderPositions, oldestPlace } from "../../storage/events";
import { insertEvents, insertRelations } from "../../storage/persistEvents";
import { insertStateGroups } from "../../storage/state";
import { noteExpiries } from "../expiry";
import { relationOf } from "../flush";
import type { OlderEvents, RemoteOutcome } from "../remoteRpc";
import { ensureOutliers, outlierRow } from "./outliers";
import { redactedEarly } from "./redactions";
import { snapshotGroup } from "./remoteBuild";
import type { RemoteStoreDeps } from "./remoteStore";

/**
 * Gives events a place in the history before everything that is stored, at positions below zero. Who may see them is judged by the
 * state before the first event that we had: the state of those days is not known here. Those that may not stand get no place.
 */
export async function storeOlder(deps: RemoteStoreDeps, request: OlderEvents): Promise<RemoteOutcome> {
  const room = await deps.caches.rooms.byId(request.roomId);
  if (!room) return { kind: "rejected", reason: "unknown room" };
  const events = await ensureOutliers(deps, room, request.events);
  return deps.outliers.run(room.roomId, async () => {
    const now = await deps.caches.events.byIds([...events.keys()]);
    const fresh = request.events.flatMap(({ eventId }) => now.get(eventId) ?? []).filter(wantsPlace);
    if (fresh.length > 0) await place(deps, room, fresh);
    return { kind: "known" } as const;
  });
}

const wantsPlace = ({ row }: StoredEvent): boolean => row.streamOrdering === null && row.rejected === null;

async function place(deps: RemoteStoreDeps, room: RoomInfo, events: readonly StoredEvent[]): Promise<void> {
  const stateGroup = await groupBeforeAll(deps, room);
  if (stateGroup === undefined) return;
  const early = await redactedEarly(
    deps,
    events.map(({ event }) => event),
  );
  const positions = await olderPositions(deps.db, events.length);
  const rows = events.map(({ event, row }, i) => ({
    ...outlierRow(row.nid, room, event, row.json, deps.now()),
    streamOrdering: positions[i] ?? 0,
    stateGroup,
    containsUrl: typeof event.content["url"] === "string",
    relation: early.has(event.eventId) ? undefined : relationOf(event),
  }));
  await insertEvents(deps.db, rows);
  if (rows.some(({ relation }) => relation)) await insertRelations(deps.db, rows);
  const redactedTs = deps.now();
  if (early.size > 0) {
    await markRedacted(
      deps.db,
      [...early].map(([eventId, { row }]) => ({ eventId, roomNid: room.nid, redactedBy: row.eventId, redactedTs })),
    );
  }
  await noteExpiries(
    deps.db,
    deps.config,
    events.map(({ row, event }) => ({ nid: row.nid, event })),
  );
  for (const { row } of events) deps.caches.events.drop(row.eventId);
}

/** The state group before the first event of the room that we had. It is stored once; what is placed by it is the first event from then on. */
async function groupBeforeAll(deps: RemoteStoreDeps, room: RoomInfo): Promise<number | undefined> {
  const first = await oldestPlace(deps.db, room.nid);
  const event = first && (await deps.caches.events.byNids([first.nid])).get(first.nid);
  if (!first || !event) return undefined;
  const { type, stateKey, nid, replacesNid } = event.row;
  const state = await deps.caches.roomState.group(first.stateGroup);
  const [key] = stateKey === null ? [] : await deps.caches.stateKeys.find([[type, stateKey]]);
  if (key === undefined || packedGet(state, key) !== nid) return first.stateGroup;
  const before = replacesNid === null ? packedWithout(state, key) : packedWith(state, key, replacesNid);
  const { group, rows } = await snapshotGroup(deps, room, before);
  await insertStateGroups(deps.db, rows);
  return group.id;
}
