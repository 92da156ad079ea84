import { listTasks } from "../../storage/adminTasks";
import type { AdminTask, TaskKind, TaskStatus } from "../../storage/adminTasks";
import type { App } from "../app";
import { reportOf, shutdownPart } from "./shutdownRoom";

/** What Synapse calls our kinds of work. */
const actions = {
  purge_history: "purge_history",
  delete_room: "shutdown_and_purge_room",
  redact_user: "redact_all_events",
} as const satisfies Record<TaskKind, string>;

const resultOf = ({ kind, status, progress }: AdminTask) => {
  if (status !== "complete" || kind === "purge_history") return null;
  return kind === "delete_room" ? shutdownPart(reportOf(progress)) : { failed_redactions: progress["failed"] ?? {} };
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
