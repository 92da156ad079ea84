import type { Logger } from "../observe/logger";

/** What this folder wants of a logger. */
export type ReplicationLog = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** The text of whatever was thrown, for failures that are to be expected and need no stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
