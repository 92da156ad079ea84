import { listTasks } from "../../storage/adminTasks";
import type { AdminTask, TaskKind, TaskStatus } from "../../storage/adminTasks";
import type { App } from "../app";
import { reportOf, shutdownPart } from "./shutdownRoom";

/** What Synapse calls our kinds of work. */
const actions = {
  purge_history: "purge_history",
  delete_room: "shutdown_and_purge_room",
  redact_user: "redact_all_events",
  regenerate_directory: "regenerate_directory",
  populate_stats_process_rooms: "populate_stats_process_rooms",
} as const satisfies Record<TaskKind, string>;

const resultOf = ({ kind, status, progress }: AdminTask) => {
  if (status !== "complete") return null;
  if (kind === "delete_room") return shutdownPart(reportOf(progress));
  return kind === "redact_user" ? { failed_redactions: progress["failed"] ?? {} } : null;
};

export interface TaskListFilter {
  readonly action: string | undefined;
  readonly resourceId: string | undefined;
  readonly status: TaskStatus | "cancelled" | undefined;
  /** ms. */
  readonly until: number | undefined;
}

/** `GET /scheduled_tasks`: what administrators have had done of late, or is still to be done. */
export async function readTasks(app: Pick<App, "db">, { action, resourceId, status, until }: TaskListFilter) {
  const kind = (Object.keys(actions) as TaskKind[]).find((name) => actions[name] === action);
  // There is no work of another name, and none is ever called off.
  if ((action !== undefined && kind === undefined) || status === "cancelled") return [];
  const tasks = await listTasks(app.db, { kind, status, subject: resourceId, until });
  return tasks.map((task) => ({
    id: task.id,
    action: actions[task.kind],
    status: task.status,
    timestamp_ms: task.updatedTs,
    resource_id: task.roomId,
    result: resultOf(task),
    error: task.error,
  }));
}
