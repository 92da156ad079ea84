import { MatrixError } from "../../errors";
import { messageOf } from "../../replication/log";
import { openTasks, saveTask } from "../../storage/adminTasks";
import type { AdminTask, TaskKind } from "../../storage/adminTasks";
import type { App } from "../app";
import { runDelete } from "./deleteRoom";
import type { Runner, SaveProgress } from "./taskRunner";
import { runRedaction } from "./redactUser";
import { isUpdate, updateRunners, updatesEnabled } from "./backgroundUpdates";
import { runPurge } from "./purgeHistory";

/** Does the long work of administrators, on the process with the duty "background". */
export interface AdminTasks {
  /** There may be something to do. */
  wake(): void;
}

const runners: Readonly<Record<TaskKind, Runner>> = {
  purge_history: runPurge,
  delete_room: runDelete,
  redact_user: runRedaction,
  ...updateRunners,
};

const MAX_RUNNING = 4;
/** After so many failures that may pass, a task is given up. */
const MAX_ATTEMPTS = 5;

/** The duty went to another process, which goes on; or it is to stand still. */
class TaskMoved extends Error {}

export function createAdminTasks(appOf: () => App): AdminTasks {
  const running = new Set<string>();

  function wake(): void {
    const app = appOf();
    if (app.ownership.isMine("background")) app.background("admin_tasks", () => startOpen(app));
  }

  async function startOpen(app: App): Promise<void> {
    for (const task of await openTasks(app.db, [...running], MAX_RUNNING)) {
      if (running.size >= MAX_RUNNING || running.has(task.id)) continue;
      running.add(task.id);
      app.background(`admin_${task.kind}`, async () => {
        const isOver = await runTask(app, task).finally(() => running.delete(task.id));
        if (isOver) wake();
      });
    }
  }

  return { wake };
}

/** Administrators may hold up work on the database as a whole. */
const mayRun = async (app: App, { kind }: AdminTask): Promise<boolean> =>
  app.ownership.isMine("background") && (!isUpdate(kind) || (await updatesEnabled(app)));

/** Runs a task from where it stands. False where it is to be gone on with later. */
async function runTask(app: App, task: AdminTask): Promise<boolean> {
  let current: AdminTask = { ...task, status: "active" };
  const save = (change: Partial<AdminTask>): Promise<void> => saveTask(app.db, (current = { ...current, ...change }), app.clock.now());
  const saveProgress: SaveProgress = async (progress) => {
    if (!(await mayRun(app, task))) throw new TaskMoved();
    await save({ progress });
  };
  try {
    await saveProgress(task.progress);
    await runners[task.kind](app, task, saveProgress);
    await save({ status: "complete", error: null });
    return true;
  } catch (error) {
    if (error instanceof TaskMoved) return false;
    app.log("synapse.handlers.pagination").error(`Task ${task.kind} of ${task.roomId} failed`, { error });
    const attempts = task.attempts + 1;
    const isOver = !mayPass(error) || attempts >= MAX_ATTEMPTS;
    await save({ attempts, ...(isOver && { status: "failed", error: messageOf(error) }) });
    return isOver;
  }
}

/** Refusals are for good; what was too much or could not be reached may work later. */
const mayPass = (error: unknown): boolean => !(error instanceof MatrixError) || error.status >= 500 || error.status === 429;
