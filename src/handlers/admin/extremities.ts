import { getExtremities } from "../../storage/rooms";
import { dropExtremities } from "../../writers/repairRpc";
import type { App } from "../app";
import { findRoom } from "../rooms/access";
import { roomNamed } from "./namedRoom";

/** `GET /rooms/{roomIdOrAlias}/forward_extremities`. */
export async function readExtremities(app: App, name: string) {
  const room = await findRoom(app, (await roomNamed(app, name)).roomId);
  const rows = room ? await getExtremities(app.db, room.nid) : [];
  const results = rows.map(({ eventId, stateGroup, depth, receivedTs }) => ({
    event_id: eventId,
    state_group: stateGroup,
    depth,
    received_ts: receivedTs,
  }));
  return { count: results.length, results };
}

/** `DELETE` of the same: all but the newest. Gives how many went. */
export async function removeExtremities(app: App, name: string): Promise<{ deleted: number }> {
  const { roomId } = await roomNamed(app, name);
  return { deleted: await app.rpc.call(dropExtremities, roomId) };
}
