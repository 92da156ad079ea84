import type { Fence } from "../storage/leases";

/**
 * Who stands for what. `standsFor` is a key of `stream_writers`, "main", or the name of a duty such as "pusher". Several
 * instances may stand for one thing; each key then belongs to one of them.
 */
export interface Ownership {
  readonly instance: string;
  /** The live owner of key; where nobody lives, the one who would be. */
  ownerOf(standsFor: string, key?: string): string;
  isMine(standsFor: string, key?: string): boolean;
  /** Whether the instance is alive, as far as is known. Instances that stand for nothing count as alive. */
  isLive(instance: string): boolean;
  /** Looks again at who is alive, because somebody could not be reached. */
  refresh(): Promise<void>;
  /** undefined where nobody else could write: nothing has to be checked then. */
  fence(standsFor: string): Fence | undefined;
  /** fn is called when owners may have changed. Returns the way to stop. */
  onChange(fn: () => void): () => void;
}

/** What writers want of it. */
export type Fences = Pick<Ownership, "fence">;

/** Of a process that is alone: everything is its own. */
export function soloOwnership(instance: string): Ownership {
  return {
    instance,
    ownerOf: () => instance,
    isMine: () => true,
    isLive: () => true,
    refresh: async () => undefined,
    fence: () => undefined,
    onChange: () => () => undefined,
  };
}
