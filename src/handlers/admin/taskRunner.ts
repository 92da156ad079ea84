import type { JsonObject } from "../../lib/json";
import type { AdminTask } from "../../storage/adminTasks";
import type { App } from "../app";

/** Notes how far a task has come: from there it is gone on with. */
export type SaveProgress = (progress: JsonObject) => Promise<void>;

/** Does a task from where it stands. */
export type Runner = (app: App, task: AdminTask, save: SaveProgress) => Promise<void>;
