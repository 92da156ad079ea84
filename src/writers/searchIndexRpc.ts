import { defineRpc } from "../replication/rpc";

/** What can be searched for is written behind the events stream, by the process that has the duty `background`. */
export interface SearchIndex {
  /** Resolves when what this process knows of the stream is in the index, and after a second in any case: it may be long behind. */
  reach(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** Has the index written up to where the caller's stream stands. */
export const reachSearchIndex = defineRpc<{ readonly searchIndex: SearchIndex }, null, null>({
  name: "reach_search_index",
  owner: () => ({ stream: "background" }),
  batch: 100,
  repeatable: true,
  timeoutMs: 2_000,
  handle: async ({ searchIndex }, calls) => {
    await searchIndex.reach();
    return calls.map(() => null);
  },
});
