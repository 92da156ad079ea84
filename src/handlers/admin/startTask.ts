import { MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { insertTask } from "../../storage/adminTasks";
import type { TaskKind } from "../../storage/adminTasks";
import type { App } from "../app";

const busyRoom = (roomId: string): string => `A purge is already in progress for ${roomId}`;
const busyUpdate = (name: string): string => `Job ${name} is already in queue of background updates.`;
/** What whoever asks is told while something else is being done. */
const busy: Readonly<Record<TaskKind, (subject: string) => string>> = {
  purge_history: busyRoom,
  delete_room: busyRoom,
  redact_user: (userId) => `Redact already in progress for user ${userId}`,
  regenerate_directory: busyUpdate,
  populate_stats_process_rooms: busyUpdate,
};

type StartApp = Pick<App, "clock" | "db" | "hints" | "random">;

/** Notes long work on a room (or user) and has it begun; gives its id. 400 while something else is being done to it. */
export async function startTask(app: StartApp, kind: TaskKind, roomId: string, params: JsonObject): Promise<string> {
  const id = app.random.letters(16);
  if (!(await insertTask(app.db, { id, kind, roomId, params }, app.clock.now()))) {
    throw new MatrixError(400, "M_UNKNOWN", busy[kind](roomId));
  }
  app.hints.give("admin_tasks");
  return id;
}
