import { AsyncLocalStorage } from "node:async_hooks";

/** On whose behalf code runs: one HTTP request, or one piece of background work. Log lines and metrics read it. */
export interface RequestContext {
  /** Unique in this process: `GET-17`, or `name-3` for background work. */
  readonly id: string;
  /** The servlet of the route, or the name of the background work. */
  readonly servlet: string;
  /** User id or server name, known once the request is authenticated. */
  requester: string | undefined;
  /** Statements run, the time they took, and how long they waited for a connection. */
  dbCount: number;
  dbTimeMs: number;
  dbWaitMs: number;
  /** Events read from the database because no cache had them. */
  dbEvents: number;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function newContext(id: string, servlet: string): RequestContext {
  return { id, servlet, requester: undefined, dbCount: 0, dbTimeMs: 0, dbWaitMs: 0, dbEvents: 0 };
}

/** Runs fn, and all that it awaits, in a context. */
export function runInContext<T>(context: RequestContext, fn: () => T): T {
  return storage.run(context, fn);
}

/** Runs fn in no context at all: for timers and loops that a request happens to start but that outlive it. */
export function runOutsideContext<T>(fn: () => T): T {
  return storage.exit(fn);
}

export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

/** Counts a database statement, or a whole transaction, in the current context. Times in ms. */
export function countQuery(timeMs: number, waitMs = 0): void {
  const context = storage.getStore();
  if (!context) return;
  context.dbCount++;
  context.dbTimeMs += timeMs;
  context.dbWaitMs += waitMs;
}

/** Counts events read from the database in the current context. */
export function countEventsRead(events: number): void {
  const context = storage.getStore();
  if (context) context.dbEvents += events;
}
