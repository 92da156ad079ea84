/** When each user, room or other entity last occurred on a stream, as far as memory reaches. */
export interface LastChanges {
  note(entity: string, position: number): void;
  /** False: surely nothing after since. True: something, or memory does not reach back so far. */
  maybeChanged(entity: string, since: number): boolean;
}

/** start: the position of the stream when the process began to follow it. */
export function createLastChanges(start: () => number, max: number): LastChanges {
  // Everything after this position is in the map. Its order is that of the positions, since an entity that changes moves to the end.
  let horizon: number | undefined;
  const latest = new Map<string, number>();
  return {
    note(entity, position) {
      horizon ??= start();
      latest.delete(entity);
      latest.set(entity, position);
      if (latest.size <= max) return;
      for (const [oldest, at] of latest) {
        latest.delete(oldest);
        horizon = Math.max(horizon, at);
        break;
      }
    },
    maybeChanged(entity, since) {
      horizon ??= start();
      const last = latest.get(entity);
      return last !== undefined && last > since ? true : since < horizon;
    },
  };
}
