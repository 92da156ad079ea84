import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import { listTasks } from "../../storage/adminTasks";
import type { AdminTask, TaskKind, UpdateKind } from "../../storage/adminTasks";
import { holdWork, isHeld, letWorkGoOn } from "../../storage/heldWork";
import { roomIdsAfter } from "../../storage/rooms";
import { recountRoom } from "../../writers/repairRpc";
import type { App } from "../app";
import { refreshNext } from "../userDirectory/refresh";
import { startTask } from "./startTask";
import { refuse } from "./targets";
import type { Runner } from "./taskRunner";

const ROOMS = 100;

/** Works on the next items after a place; gives how many those were, and where to go on. */
type Step = (app: App, after: string) => Promise<{ readonly count: number; readonly next: string | undefined }>;

const steps: Readonly<Record<UpdateKind, Step>> = {
  regenerate_directory: refreshNext,
  async populate_stats_process_rooms(app, after) {
    const roomIds = await roomIdsAfter(app.db, after, ROOMS);
    await Promise.all(roomIds.map((roomId) => app.rpc.call(recountRoom, roomId)));
    return { count: roomIds.length, next: roomIds.length === ROOMS ? roomIds.at(-1) : undefined };
  },
};

export const isUpdate = (kind: TaskKind): kind is UpdateKind => kind in steps;
const numberIn = (progress: JsonObject, name: string): number => Number(own(progress, name) ?? 0);

/** Step by step, from where it stands. */
const runSteps =
  (step: Step): Runner =>
  async (app, { progress }, save) => {
    let after = String(own(progress, "after") ?? "");
    let [items, ms] = [numberIn(progress, "items"), numberIn(progress, "ms")];
    for (;;) {
      const begun = app.clock.monotonic();
      const { count, next } = await step(app, after);
      items += count;
      ms += app.clock.monotonic() - begun;
      after = next ?? after;
      await save({ after, items, ms });
      if (next === undefined) return;
    }
  };

export const updateRunners: Readonly<Record<UpdateKind, Runner>> = {
  regenerate_directory: runSteps(steps.regenerate_directory),
  populate_stats_process_rooms: runSteps(steps.populate_stats_process_rooms),
};

/** Whether work on the database as a whole goes on. */
export const updatesEnabled = async ({ db }: Pick<App, "db">): Promise<boolean> => !(await isHeld(db, "background_updates"));

/**
 * Holds work on the database as a whole up after its present step, or lets it go on. Whoever has the duty "background" looks before each step, and
 * lets it go on when it starts, as Synapse does.
 */
export async function enableUpdates({ db, hints }: Pick<App, "db" | "hints">, enabled: boolean): Promise<void> {
  if (!enabled) return holdWork(db, "background_updates");
  await letWorkGoOn(db, "background_updates");
  hints.give("admin_tasks");
}

const shown = ({ kind, progress }: AdminTask) => {
  const [items, ms] = [numberIn(progress, "items"), numberIn(progress, "ms")];
  return { name: kind, total_item_count: items, total_duration_ms: ms, average_items_per_ms: ms > 0 ? items / ms : null };
};

/** `GET /background_updates/status`: what is being done, by database: there is one. */
export async function readUpdates(app: Pick<App, "db">) {
  const tasks = await listTasks(app.db, { kind: undefined, status: undefined, subject: undefined, until: undefined });
  const current = tasks.find(({ kind, status }) => isUpdate(kind) && (status === "scheduled" || status === "active"));
  return { enabled: await updatesEnabled(app), current_updates: current ? { master: shown(current) } : {} };
}

/** `POST /background_updates/start_job`: 400 for jobs that are not known here, and where it is being done already. */
export async function startUpdate(app: App, name: string): Promise<void> {
  const kind = (Object.keys(steps) as UpdateKind[]).find((known) => known === name);
  if (!kind) throw refuse("Invalid job_name");
  await startTask(app, kind, kind, {});
}
