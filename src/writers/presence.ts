import { createDeadlines } from "../lib/deadlines";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import type { Fences } from "../replication/ownership";
import type { Db } from "../storage/db";
import type { Fence } from "../storage/leases";
import { getPresence, presentUsers, upsertPresence } from "../storage/presence";
import type { PresenceRow, PresenceState } from "../storage/presence";
import type { StreamDef } from "../streams/defineStream";
import { presenceStream } from "../streams/presence";
import { demandState, isNews, offlineRow, recordActivity, requestState, settle } from "./presenceMachine";
import type { PresenceTimers, TrackedPresence } from "./presenceMachine";

/** Which devices are syncing at a process. */
export interface SyncReport {
  /** A new one each time the process starts. */
  readonly instance: string;
  /** Everything that syncs there is in `started`; otherwise only what changed. */
  readonly full: boolean;
  readonly started: readonly { readonly userId: string; readonly deviceId: string; readonly state: PresenceState }[];
  readonly stopped: readonly { readonly userId: string; readonly deviceId: string }[];
}

export interface PresenceDemand {
  readonly userId: string;
  readonly deviceId: string;
  readonly state: PresenceState;
  /** Null takes the message away. */
  readonly statusMsg: string | null;
}

/** What another server says of its user. */
export interface RemotePresence {
  readonly userId: string;
  readonly state: PresenceState;
  readonly lastActiveAgo: number | undefined;
  readonly statusMsg: string | null;
  readonly currentlyActive: boolean;
}

export interface PresenceWriterDeps {
  readonly db: Db;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "letters">;
  readonly timers: PresenceTimers;
  readonly streams: {
    append<Row>(stream: StreamDef<Row>, rows: readonly Row[]): number;
    provide<Row>(stream: StreamDef<Row>, snapshot: () => readonly Row[]): void;
  };
  readonly ownership: Fences;
  readonly onError: (error: unknown) => void;
}

const TICK_MS = 1_000;
const WRITE_ROWS = 1_000;
/** Presence outlives a crash within this. */
const WRITE_EVERY_MS = 10_000;
/** A process that has not reported for so long is gone, and its syncs with it. */
const INSTANCE_EXPIRY_MS = 180_000;

interface Instance {
  heardTs: number;
  /** User id -> devices that sync there. */
  readonly users: Map<string, Set<string>>;
}

/** The one owner of presence: keeps the timers and tells everybody what changes. */
export class PresenceWriter {
  /** A value that changes when what reports said has been forgotten. */
  private epoch: string;
  private readonly users = new Map<string, TrackedPresence>();
  private readonly instances = new Map<string, Instance>();
  private readonly deadlines = createDeadlines(TICK_MS);
  private readonly unwritten = new Set<string>();
  private writtenTs: number;
  private loaded: Promise<void> | undefined;
  /** Of the life of this process in which everybody was loaded. */
  private fence: Fence | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: PresenceWriterDeps) {
    this.epoch = deps.random.letters(10);
    this.writtenTs = deps.clock.now();
    deps.streams.provide(presenceStream, () => this.present());
  }

  /** Gives a value that changes when what earlier reports said has been forgotten: then a full one is due. */
  async report({ instance, full, started, stopped }: SyncReport): Promise<string> {
    await this.have(started.map((sync) => sync.userId));
    const now = this.deps.clock.now();
    const touched = full ? this.forgetInstance(instance) : [];
    const known = this.instances.get(instance) ?? { heardTs: now, users: new Map<string, Set<string>>() };
    this.instances.set(instance, known);
    known.heardTs = now;
    for (const { userId, deviceId } of stopped) {
      this.stopSyncing(instance, userId, deviceId);
      touched.push(userId);
    }
    for (const { userId, deviceId, state } of started) {
      const user = this.users.get(userId);
      if (!user) continue;
      requestState(user, deviceId, state, now).syncingAt.add(instance);
      const devices = known.users.get(userId);
      if (devices) devices.add(deviceId);
      else known.users.set(userId, new Set([deviceId]));
      touched.push(userId);
    }
    this.update([...new Set(touched)].map((userId) => ({ userId })));
    return this.epoch;
  }

  async activity(devices: readonly { readonly userId: string; readonly deviceId: string }[]): Promise<void> {
    await this.have(devices.map(({ userId }) => userId));
    this.update(devices, (user, { deviceId }, now) => recordActivity(user, deviceId, now));
  }

  async demand(demands: readonly PresenceDemand[]): Promise<void> {
    await this.have(demands.map(({ userId }) => userId));
    this.update(demands, (user, { deviceId, state, statusMsg }, now) => {
      demandState(user, deviceId, state, now);
      user.row = { ...user.row, statusMsg };
    });
  }

  async remote(updates: readonly RemotePresence[]): Promise<void> {
    await this.have(updates.map(({ userId }) => userId));
    this.update(updates, (user, told, now) => {
      user.row = remoteRow(user.row, told, now);
    });
  }

  /** Applies what time has done and writes what changed since. Runs by itself every second while anybody is present. */
  async tick(): Promise<void> {
    const now = this.deps.clock.now();
    const gone = [...this.instances].filter(([, { heardTs }]) => now - heardTs > INSTANCE_EXPIRY_MS);
    const due = [...gone.flatMap(([instance]) => this.forgetInstance(instance)), ...this.deadlines.due(now)];
    this.update(due.map((userId) => ({ userId })));
    if (this.unwritten.size > 0 && now - this.writtenTs >= WRITE_EVERY_MS) await this.write();
    if (this.deadlines.size > 0 || this.unwritten.size > 0 || this.instances.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** This process owns presence from now on. */
  async start(): Promise<void> {
    await this.have([]);
  }

  /** Another process is the owner from now on: forgets everything. */
  resign(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const userId of this.users.keys()) this.deadlines.set(userId, undefined);
    this.users.clear();
    this.instances.clear();
    this.unwritten.clear();
    this.loaded = undefined;
    this.epoch = this.deps.random.letters(10);
  }

  /** Writes what is not written yet and stops. */
  async close(): Promise<void> {
    await this.loaded;
    await this.write();
    this.resign();
  }

  private present(): PresenceRow[] {
    return [...this.users.values()].map((user) => user.row).filter((row) => row.state !== "offline");
  }

  private track(row: PresenceRow): TrackedPresence {
    const user = this.users.get(row.userId) ?? { row, publishedTs: this.deps.clock.now(), devices: new Map() };
    this.users.set(row.userId, user);
    return user;
  }

  /** Everybody is as last written until the timers say otherwise: after a restart, clients have the usual time to come back. */
  private async load(): Promise<void> {
    this.fence = this.deps.ownership.fence(presenceStream.writer);
    const rows = await presentUsers(this.deps.db);
    for (const row of rows) {
      const user = this.track(row);
      if (row.lastFederationUpdateTs === 0) requestState(user, "", row.state, this.deps.clock.now()).lastActiveTs = row.lastActiveTs;
    }
    // Readers may have heard of this life of the stream before anybody was loaded, so that all of it is news.
    this.update(rows, (user) => {
      user.publishedTs = 0;
    });
  }

  private async have(userIds: readonly string[]): Promise<void> {
    this.loaded ??= this.load().catch((error: unknown) => {
      this.loaded = undefined;
      throw error;
    });
    await this.loaded;
    const missing = [...new Set(userIds)].filter((userId) => !this.users.has(userId));
    if (missing.length === 0) return;
    for (const row of await getPresence(this.deps.db, missing)) this.track(row);
    for (const userId of missing) this.track(offlineRow(userId));
  }

  /** Applies a change to each user and settles them; tells what is news. */
  private update<T extends { readonly userId: string }>(
    items: readonly T[],
    change?: (user: TrackedPresence, item: T, now: number) => void,
  ): void {
    const { clock, timers, streams, onError } = this.deps;
    const now = clock.now();
    const news = new Map<string, PresenceRow>();
    for (const item of items) {
      const user = this.users.get(item.userId);
      if (!user) continue;
      const before = user.row;
      change?.(user, item, now);
      this.deadlines.set(item.userId, settle(user, timers, now));
      if (isWorthWriting(before, user.row)) this.unwritten.add(item.userId);
      else if (this.isIdle(user) && !this.unwritten.has(item.userId)) this.users.delete(item.userId);
      if (!isNews(before, user, timers.last_active_granularity, now)) continue;
      user.publishedTs = now;
      news.set(item.userId, user.row);
    }
    if (news.size > 0) streams.append(presenceStream, [...news.values()]);
    this.timer ??= setInterval(() => void this.tick().catch(onError), TICK_MS).unref();
  }

  private stopSyncing(instance: string, userId: string, deviceId: string): void {
    const here = this.instances.get(instance)?.users;
    const devices = here?.get(userId);
    if (!devices?.delete(deviceId)) return;
    if (devices.size === 0) here?.delete(userId);
    const device = this.users.get(userId)?.devices.get(deviceId);
    if (!device) return;
    device.syncingAt.delete(instance);
    device.lastSyncTs = this.deps.clock.now();
  }

  /** Ends all syncs of a process. Gives the users who had some. */
  private forgetInstance(instance: string): string[] {
    const gone = [...(this.instances.get(instance)?.users ?? [])];
    for (const [userId, devices] of gone) for (const deviceId of [...devices]) this.stopSyncing(instance, userId, deviceId);
    this.instances.delete(instance);
    return gone.map(([userId]) => userId);
  }

  private async write(): Promise<void> {
    this.writtenTs = this.deps.clock.now();
    const rows = [...this.unwritten].flatMap((userId) => this.users.get(userId)?.row ?? []);
    this.unwritten.clear();
    for (let i = 0; i < rows.length; i += WRITE_ROWS) {
      await upsertPresence(this.deps.db, rows.slice(i, i + WRITE_ROWS), this.fence).catch((error: unknown) => {
        for (const row of rows.slice(i)) this.unwritten.add(row.userId);
        throw error;
      });
    }
    for (const row of rows) {
      const user = this.users.get(row.userId);
      if (user?.row === row && this.isIdle(user)) this.users.delete(row.userId);
    }
  }

  /** Whether the table knows as much of the user as this. */
  private isIdle({ row, devices }: TrackedPresence): boolean {
    return row.state === "offline" && devices.size === 0;
  }
}

/** When a user last synced is of no use to whoever reads the table. */
function isWorthWriting(before: PresenceRow, after: PresenceRow): boolean {
  return before.state !== after.state || before.statusMsg !== after.statusMsg || before.lastActiveTs !== after.lastActiveTs;
}

function remoteRow(before: PresenceRow, told: RemotePresence, now: number): PresenceRow {
  return {
    userId: before.userId,
    state: told.state,
    lastActiveTs: told.lastActiveAgo === undefined ? before.lastActiveTs : now - told.lastActiveAgo,
    lastFederationUpdateTs: now,
    lastUserSyncTs: 0,
    statusMsg: told.statusMsg,
    currentlyActive: told.currentlyActive && told.state === "online",
  };
}
