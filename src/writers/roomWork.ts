import type { RemoteOutcome, RemoteRequest } from "./remoteRpc";
import type { SendIntent, SendOutcome } from "./intents";
import type { RoomTip } from "./roomTip";

export type QueuedRequest = Exclude<RemoteRequest, { kind: "outliers" | "older" }>;

export interface RemoteJob {
  readonly request: QueuedRequest;
  /** Says what became of it other than being stored. */
  readonly answer: (outcome: RemoteOutcome) => void;
  /** When it was asked for, the event was not stored, and no stored one redacted it. */
  readonly isFresh: boolean;
}

/** What a room waits for. */
export interface Job {
  /** What to send; of all else only the room counts. */
  readonly intent: SendIntent;
  readonly remote?: RemoteJob;
  /** Work of another kind, for which the room must stand still. */
  readonly alone?: () => Promise<void>;
  readonly resolve: (outcome: SendOutcome) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

export interface RoomWork {
  readonly roomId: string;
  queue: Job[];
  running: boolean;
  /** Handed to the flusher and not stored yet. */
  unstored: number;
  /** Called when nothing is. */
  whenStored: (() => void)[];
  tip: RoomTip | undefined;
}

/** Resolves once everything of the room that was handed to the flusher is stored, or is to be built anew. */
export async function allStored(work: RoomWork): Promise<void> {
  while (work.unstored > 0) await new Promise<void>((resolve) => work.whenStored.push(resolve));
}

export function release(work: RoomWork): void {
  for (const resolve of work.whenStored.splice(0)) resolve();
}
