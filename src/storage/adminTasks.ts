import type { JsonObject } from "../lib/json";
import type { Db } from "./db";

/** Work on the database as a whole, under Synapse's names. */
export type UpdateKind = "regenerate_directory" | "populate_stats_process_rooms";
export type TaskKind = "purge_history" | "delete_room" | "redact_user" | UpdateKind;
export type TaskStatus = "scheduled" | "active" | "complete" | "failed";

/** Long work on a room, or on what a user did, that an administrator asked for. */
export interface AdminTask {
  readonly id: string;
  readonly kind: TaskKind;
  /** Or the user, for redact_user; the name of the work itself, for what concerns no room. */
  readonly roomId: string;
  readonly status: TaskStatus;
  readonly params: JsonObject;
  /** How far it has come, in terms of its kind. */
  readonly progress: JsonObject;
  readonly error: string | null;
  readonly attempts: number;
}

type TaskRow = Omit<AdminTask, "params" | "progress"> & { readonly params: string; readonly progress: string };

const taskOf = (row: TaskRow): AdminTask => ({
  ...row,
  params: JSON.parse(row.params) as JsonObject,
  progress: JSON.parse(row.progress) as JsonObject,
});

/** False where something else is being done to the room. */
export async function insertTask(db: Db, task: Pick<AdminTask, "id" | "kind" | "roomId" | "params">, now: number): Promise<boolean> {
  const rows = await db`
    insert into admin_tasks (id, kind, room_id, status, params, progress, created_ts, updated_ts)
    values (${task.id}, ${task.kind}, ${task.roomId}, 'scheduled', ${JSON.stringify(task.params)}, '{}', ${now}, ${now})
    on conflict do nothing returning id`;
  return rows.length > 0;
}

export async function getTask(db: Db, kind: TaskKind, id: string): Promise<AdminTask | undefined> {
  const rows = await db<TaskRow>`
    select id, kind, room_id as "roomId", status, params, progress, error, attempts from admin_tasks where kind = ${kind} and id = ${id}`;
  return rows.map(taskOf)[0];
}

/** Of one kind, oldest first. */
export async function tasksOfRoom(db: Db, kind: TaskKind, roomId: string): Promise<AdminTask[]> {
  const rows = await db<TaskRow>`
    select id, kind, room_id as "roomId", status, params, progress, error, attempts
    from admin_tasks where room_id = ${roomId} and kind = ${kind} order by created_ts, id`;
  return rows.map(taskOf);
}

/** The oldest tasks that are not done, but for some. */
export async function openTasks(db: Db, except: readonly string[], limit: number): Promise<AdminTask[]> {
  const rows = await db<TaskRow>`
    select id, kind, room_id as "roomId", status, params, progress, error, attempts
    from admin_tasks where status in ('scheduled', 'active') and id <> all(${except}::text[]) order by created_ts, id limit ${limit}`;
  return rows.map(taskOf);
}

/** Notes where an open task stands. */
export async function saveTask(
  db: Db,
  { id, status, progress, error, attempts }: Pick<AdminTask, "id" | "status" | "progress" | "error" | "attempts">,
  now: number,
): Promise<void> {
  await db`
    update admin_tasks set status = ${status}, progress = ${JSON.stringify(progress)}, error = ${error}, attempts = ${attempts},
      updated_ts = ${now}
    where id = ${id} and status in ('scheduled', 'active')`;
}

/** Tasks that ended before a time. */
export async function deleteOldTasks(db: Db, before: number): Promise<void> {
  await db`delete from admin_tasks where status in ('complete', 'failed') and updated_ts < ${before}`;
}

/** What tasks are listed: of these kinds, states and subjects, and begun no later than a time (ms); undefined: whatever it is. */
export interface TaskFilter {
  readonly kind: TaskKind | undefined;
  readonly status: TaskStatus | undefined;
  readonly subject: string | undefined;
  readonly until: number | undefined;
}

/** Oldest first. */
export async function listTasks(
  db: Db,
  { kind, status, subject, until }: TaskFilter,
): Promise<(AdminTask & { readonly updatedTs: number })[]> {
  const rows = await db<TaskRow & { updatedTs: number }>`
    select id, kind, room_id as "roomId", status, params, progress, error, attempts, updated_ts as "updatedTs" from admin_tasks
    where (${kind ?? null}::text is null or kind = ${kind ?? null}) and (${status ?? null}::text is null or status = ${status ?? null})
      and (${subject ?? null}::text is null or room_id = ${subject ?? null}) and (${until ?? null}::int8 is null or created_ts <= ${until ?? null})
    order by created_ts, id`;
  return rows.map((row) => ({ ...taskOf(row), updatedTs: row.updatedTs }));
}
