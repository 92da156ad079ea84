import type { Caches } from "../caches/caches";
import { forgetPartial } from "../caches/forget";
import { defineRpc } from "../replication/rpc";
import type { Rpc } from "../replication/rpc";
import type { Streams } from "../replication/streams";
import type { Database } from "../storage/db";
import { eventsStream } from "../streams/events";
import { unPartialStatedRoomStream } from "../streams/unPartialStatedRoom";
import { writerOf } from "./eventsRpc";
import type { EventWriterApp } from "./eventsRpc";
import { becomeWhole } from "./remote/becomeWhole";
import type { Completion, WholeState } from "./remote/becomeWhole";

interface CompletingApp extends EventWriterApp {
  readonly db: Database;
  readonly caches: Caches;
  readonly streams: Pick<Streams, "publish" | "position">;
}

type WholeRoomState = WholeState & { readonly roomId: string };

/** null: the room lacks nothing. */
export type CompletionReport = Omit<Completion, "rows"> | null;

async function complete(app: CompletingApp, { roomId, ...state }: WholeRoomState): Promise<CompletionReport> {
  const room = await app.caches.rooms.byId(roomId);
  if (!room) return null;
  const writer = writerOf(app);
  return writer.alone(roomId, async () => {
    const completion = await becomeWhole({ ...writer.remote, db: app.db }, room, state);
    if (!completion) return null;
    const { rows, ...report } = completion;
    app.streams.publish(unPartialStatedRoomStream, rows);
    // Not when the stream says so: before anything else is built.
    forgetPartial(app.caches, room.nid, app.streams.position(eventsStream));
    return report;
  });
}

export const completeState = defineRpc({
  name: "complete_partial_state",
  owner: ({ roomId }: WholeRoomState) => ({ stream: "events", key: roomId }),
  repeatable: true,
  // Everything since the join is looked at again.
  timeoutMs: 600_000,
  handle: (app: CompletingApp, requests: readonly WholeRoomState[]) => Promise.all(requests.map((request) => complete(app, request))),
});

/** Gives a room the members that were left out when it was joined. */
export function completePartialState(app: { readonly rpc: Rpc }, whole: WholeRoomState): Promise<CompletionReport> {
  return app.rpc.call(completeState, whole);
}
