import type { RoomEvent } from "../event";

interface Citing {
  readonly event: Pick<RoomEvent, "eventId" | "authEvents">;
}

/** Puts events that come one by one into an order in which each comes after those that it cites, and holds back those that cannot follow yet. */
export class AuthOrder<E extends Citing> {
  private readonly followers = new Map<string, E[]>();
  private readonly waitsFor = new Map<E, number>();
  private ready: E[] = [];

  /** settled: ids of events that nobody waits for. Those that were given are added to it. */
  constructor(private readonly settled: Set<string>) {}

  /** Whether an event would follow at once. */
  follows({ authEvents }: Citing["event"]): boolean {
    return authEvents.every((id) => this.settled.has(id));
  }

  add(entry: E): void {
    const cited = new Set(entry.event.authEvents.filter((id) => !this.settled.has(id)));
    if (cited.size === 0) return this.settle(entry);
    this.waitsFor.set(entry, cited.size);
    for (const id of cited) {
      const list = this.followers.get(id);
      if (list) list.push(entry);
      else this.followers.set(id, [entry]);
    }
  }

  /** What can follow now, in order. */
  takeReady(): E[] {
    const { ready } = this;
    this.ready = [];
    return ready;
  }

  /** All that still waits, as nothing more will come: in order as far as there is one. Those of a circle, which only forgery makes, come last. */
  takeRest(): E[] {
    const waiting = [...this.waitsFor.keys()];
    this.waitsFor.clear();
    this.followers.clear();
    return inAuthOrder(waiting);
  }

  private settle(first: E): void {
    const free = [first];
    for (const entry of free) {
      const { eventId } = entry.event;
      this.ready.push(entry);
      this.settled.add(eventId);
      for (const follower of this.followers.get(eventId) ?? []) {
        const left = (this.waitsFor.get(follower) ?? 0) - 1;
        this.waitsFor.set(follower, left);
        if (left > 0) continue;
        this.waitsFor.delete(follower);
        free.push(follower);
      }
      this.followers.delete(eventId);
    }
  }
}

/** Events in the order of AuthOrder, each once. What they cite besides one another is not waited for. Those of a circle come last. */
function inAuthOrder<E extends Citing>(events: readonly E[]): E[] {
  const byId = new Map(events.map((entry) => [entry.event.eventId, entry]));
  const elsewhere = events.flatMap(({ event }) => event.authEvents).filter((id) => !byId.has(id));
  const order = new AuthOrder<E>(new Set(elsewhere));
  for (const entry of byId.values()) order.add(entry);
  const ordered = order.takeReady();
  const given = new Set(ordered);
  return [...ordered, ...[...byId.values()].filter((entry) => !given.has(entry))];
}
