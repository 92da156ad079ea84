import type { Clock } from "../lib/clock";
import type { EndSignal } from "../lib/ending";
import { runOutsideContext } from "../observe/context";
import type { WakeTargets } from "../streams/defineStream";
import type { ReplicationMetrics } from "./metrics";

/** One request that waits for news of a user. Made before the data is sampled, so that nothing falls in between. */
export interface Listener {
  /**
   * True when something happened since the listener was made or since the last wait, false after timeoutMs or when the
   * signal aborts.
   */
  wait(timeoutMs: number, signal?: EndSignal): Promise<boolean>;
  /** Must be called in the end. */
  close(): void;
}

export interface NotifierOptions {
  readonly clock: Pick<Clock, "monotonic">;
  /** How long the rooms of a user are remembered after the last listener, so that the next poll finds them. */
  readonly ttlMs?: number;
  readonly metrics?: Pick<ReplicationMetrics, "woken">;
}

interface Waiter {
  news: boolean;
  settle: ((news: boolean) => void) | undefined;
}

interface ActiveUser {
  readonly userId: string;
  readonly rooms: Set<string>;
  readonly waiters: Set<Waiter>;
  dirty: boolean;
  idleSince: number;
}

const DEFAULT_TTL_MS = 60_000;

function waitOn(waiter: Waiter, timeoutMs: number, signal: EndSignal | undefined): Promise<boolean> {
  if (waiter.news || timeoutMs <= 0 || signal?.aborted) {
    const { news } = waiter;
    waiter.news = false;
    return Promise.resolve(news);
  }
  return new Promise((resolve) => {
    const settle = (news: boolean): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      waiter.settle = undefined;
      waiter.news = false;
      resolve(news);
    };
    const giveUp = (): void => settle(false);
    const timer = setTimeout(giveUp, timeoutMs);
    signal?.addEventListener("abort", giveUp);
    waiter.settle = settle;
  });
}

/** Indexes waiting requests by user, and by room for the users that are active on this process. Never looks at all users. */
export class Notifier {
  private readonly users = new Map<string, ActiveUser>();
  private readonly byRoom = new Map<string, Set<ActiveUser>>();
  /** Users without listeners, the longest idle first. */
  private readonly idleUsers = new Map<string, ActiveUser>();
  private dirty: ActiveUser[] = [];
  private listeners = 0;
  private sweeper: NodeJS.Timeout | undefined;
  private readonly ttlMs: number;

  constructor(private readonly options: NotifierOptions) {
    this.ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
  }

  /** roomIds are those that the user is in, or has to hear of for another reason. They add to those known already. */
  listener(userId: string, roomIds: Iterable<string>): Listener {
    const user = this.activate(userId);
    for (const roomId of roomIds) this.enter(user, roomId);
    const waiter: Waiter = { news: false, settle: undefined };
    user.waiters.add(waiter);
    this.listeners++;
    return {
      wait: (timeoutMs, signal) => waitOn(waiter, timeoutMs, signal),
      close: () => {
        waiter.settle?.(false);
        if (!user.waiters.delete(waiter)) return;
        this.listeners--;
        if (user.waiters.size === 0) this.retire(user);
      },
    };
  }

  /** From now on what happens in the room wakes the user, if the user is active here. */
  joinedRoom(userId: string, roomId: string): void {
    const user = this.users.get(userId);
    if (user) this.enter(user, roomId);
  }

  leftRoom(userId: string, roomId: string): void {
    const user = this.users.get(userId);
    if (user) this.leave(user, roomId);
  }

  /** Wakes whoever is meant, once, at the end of this turn of the event loop. `stream` is for metrics. */
  wake(stream: string, { users = [], rooms = [] }: WakeTargets): void {
    let woken = 0;
    for (const userId of users) woken += this.mark(this.users.get(userId));
    for (const roomId of rooms) for (const user of this.byRoom.get(roomId) ?? []) woken += this.mark(user);
    if (woken > 0) this.options.metrics?.woken(stream, woken);
  }

  /** True while there is nobody to wake. */
  idle(): boolean {
    return this.listeners === 0;
  }

  /** The users of the room among those active here: those whose requests wait, or waited a moment ago. */
  activeIn(roomId: string): string[] {
    return Array.from(this.byRoom.get(roomId) ?? [], (user) => user.userId);
  }

  /** For synapse_notifier_listeners, _users and _rooms. */
  stats(): { readonly listeners: number; readonly users: number; readonly rooms: number } {
    return { listeners: this.listeners, users: this.users.size, rooms: this.byRoom.size };
  }

  /** Ends all waits. */
  close(): void {
    clearInterval(this.sweeper);
    for (const user of this.users.values()) for (const waiter of [...user.waiters]) waiter.settle?.(false);
  }

  private enter(user: ActiveUser, roomId: string): void {
    if (user.rooms.has(roomId)) return;
    user.rooms.add(roomId);
    const here = this.byRoom.get(roomId);
    if (here) here.add(user);
    else this.byRoom.set(roomId, new Set([user]));
  }

  private leave(user: ActiveUser, roomId: string): void {
    if (!user.rooms.delete(roomId)) return;
    const here = this.byRoom.get(roomId);
    here?.delete(user);
    if (here?.size === 0) this.byRoom.delete(roomId);
  }

  private activate(userId: string): ActiveUser {
    let user = this.users.get(userId);
    if (!user) {
      user = { userId, rooms: new Set(), waiters: new Set(), dirty: false, idleSince: 0 };
      this.users.set(userId, user);
    }
    this.idleUsers.delete(userId);
    return user;
  }

  private retire(user: ActiveUser): void {
    user.idleSince = this.options.clock.monotonic();
    this.idleUsers.set(user.userId, user);
    this.sweeper ??= runOutsideContext(() => setInterval(() => this.sweep(), Math.max(this.ttlMs / 4, 10)).unref());
  }

  private sweep(): void {
    const now = this.options.clock.monotonic();
    for (const user of this.idleUsers.values()) {
      if (now - user.idleSince < this.ttlMs) break;
      for (const roomId of [...user.rooms]) this.leave(user, roomId);
      this.idleUsers.delete(user.userId);
      this.users.delete(user.userId);
    }
    if (this.idleUsers.size > 0) return;
    clearInterval(this.sweeper);
    this.sweeper = undefined;
  }

  /** Gives the number of users newly marked. */
  private mark(user: ActiveUser | undefined): number {
    if (!user || user.dirty || user.waiters.size === 0) return 0;
    user.dirty = true;
    if (this.dirty.push(user) === 1) setImmediate(() => this.flush());
    return 1;
  }

  private flush(): void {
    const woken = this.dirty;
    this.dirty = [];
    for (const user of woken) {
      user.dirty = false;
      for (const waiter of user.waiters) {
        if (waiter.settle) waiter.settle(true);
        else waiter.news = true;
      }
    }
  }
}
