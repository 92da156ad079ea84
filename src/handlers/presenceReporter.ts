import type { PresenceView } from "../caches/presence";
import type { Clock } from "../lib/clock";
import { createDeadlines } from "../lib/deadlines";
import type { Random } from "../lib/random";
import type { PresenceState } from "../storage/presence";
import type { SyncReport } from "../writers/presence";

export interface PresenceReporterDeps {
  /** False: presence of local users is not tracked, and everything here does nothing. */
  readonly enabled: boolean;
  readonly clock: Pick<Clock, "now">;
  readonly random: Pick<Random, "letters">;
  readonly view: Pick<PresenceView, "get">;
  /** ms within which repeated activity is no news. */
  readonly granularity: number;
  readonly report: (report: SyncReport) => Promise<string>;
  readonly activity: (device: { readonly userId: string; readonly deviceId: string }) => Promise<unknown>;
  readonly onError: (error: unknown) => void;
}

interface Sync {
  readonly userId: string;
  readonly deviceId: string;
  state: PresenceState;
  requests: number;
}

/** Between two polls of a client it counts as syncing for so long. */
const GRACE_MS = 10_000;
const FLUSH_MS = 50;
const TICK_MS = 1_000;
const KEEPALIVE_MS = 60_000;
const RETRY_MS = 5_000;
const GOODBYE_MS = 1_000;
const MAX_ACTIVE = 20_000;

/**
 * Tells the writer of presence who syncs at this process and who is active: only when that changes, many at once, and not at all
 * for a client that just goes on polling.
 */
export class PresenceReporter {
  private readonly instance: string;
  private readonly syncs = new Map<string, Sync>();
  private readonly ends = createDeadlines(TICK_MS);
  private started = new Set<string>();
  private stopped = new Map<string, Sync>();
  private readonly activeTs = new Map<string, number>();
  private epoch: string | undefined;
  private reportedTs = 0;
  private reporting = false;
  private flushTimer: NodeJS.Timeout | undefined;
  private tickTimer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: PresenceReporterDeps) {
    this.instance = deps.random.letters(12);
  }

  /** A request to sync begins; call what it gives when it ends. state: `set_presence`; "offline" leaves presence alone. */
  begin(userId: string, deviceId: string, state: PresenceState): () => void {
    if (!this.deps.enabled || state === "offline") return () => undefined;
    const key = `${userId} ${deviceId}`;
    let sync = this.syncs.get(key);
    if (!sync) this.syncs.set(key, (sync = { userId, deviceId, state: "offline", requests: 0 }));
    sync.requests++;
    this.ends.set(key, undefined);
    // Somebody who asks to be online and isn't was set to something else meanwhile, or fell idle: the writer knows which.
    if (sync.state !== state || (state === "online" && this.deps.view.get(userId)?.state !== "online")) {
      sync.state = state;
      this.started.add(key);
      this.stopped.delete(key);
      this.flushIn(FLUSH_MS);
    }
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      if (--sync.requests > 0) return;
      this.ends.set(key, this.deps.clock.now() + GRACE_MS);
      this.tickTimer ??= setInterval(() => this.tick(), TICK_MS).unref();
    };
  }

  /** The user did something that shows that they are there: a message, a receipt, typing. */
  active(userId: string, deviceId: string | undefined): void {
    const { enabled, clock, view, granularity } = this.deps;
    if (!enabled) return;
    const now = clock.now();
    // Activity brings nobody online, so that of users who are away (bots, bridged users) is nobody's business.
    const state = view.get(userId)?.state ?? "offline";
    if (state === "offline") return;
    if (state !== "unavailable" && now - (this.activeTs.get(userId) ?? 0) < granularity / 2) return;
    if (this.activeTs.size >= MAX_ACTIVE) this.activeTs.clear();
    this.activeTs.set(userId, now);
    this.deps.activity({ userId, deviceId: deviceId ?? "" }).catch(this.deps.onError);
  }

  /** Perhaps another process is the writer now, who knows nothing of what was reported: says everything again. */
  refresh(): void {
    if (this.epoch === undefined) return;
    this.epoch = undefined;
    this.flushIn(0);
  }

  /** Says that nobody syncs here any more; if the writer cannot be reached, it will notice without. */
  async stop(): Promise<void> {
    clearTimeout(this.flushTimer);
    clearInterval(this.tickTimer);
    if (this.epoch === undefined) return;
    this.syncs.clear();
    const goodbye = this.deps.report({ instance: this.instance, full: true, started: [], stopped: [] }).catch(this.deps.onError);
    let late: NodeJS.Timeout | undefined;
    await Promise.race([goodbye, new Promise((resolve) => (late = setTimeout(resolve, GOODBYE_MS)))]);
    clearTimeout(late);
  }

  /** Ends what has not come back, and shows that this process is alive. Runs by itself. */
  tick(): void {
    const now = this.deps.clock.now();
    for (const key of this.ends.due(now)) {
      const sync = this.syncs.get(key);
      if (!sync) continue;
      this.syncs.delete(key);
      if (!this.started.delete(key)) this.stopped.set(key, sync);
    }
    if (this.stopped.size > 0 || now - this.reportedTs >= KEEPALIVE_MS) this.flushIn(0);
    if (this.syncs.size > 0 || this.stopped.size > 0) return;
    clearInterval(this.tickTimer);
    this.tickTimer = undefined;
  }

  private flushIn(ms: number): void {
    this.tickTimer ??= setInterval(() => this.tick(), TICK_MS).unref();
    this.flushTimer ??= setTimeout(() => {
      this.flushTimer = undefined;
      void this.flush();
    }, ms).unref();
  }

  private async flush(): Promise<void> {
    if (this.reporting) return this.flushIn(FLUSH_MS);
    this.reporting = true;
    const full = this.epoch === undefined;
    const started = full ? [...this.syncs.values()] : [...this.started].flatMap((key) => this.syncs.get(key) ?? []);
    const stopped = [...this.stopped.values()];
    this.started = new Set();
    this.stopped = new Map();
    this.reportedTs = this.deps.clock.now();
    try {
      const epoch = await this.deps.report({
        instance: this.instance,
        full,
        started: started.map(({ userId, deviceId, state }) => ({ userId, deviceId, state })),
        stopped: stopped.map(({ userId, deviceId }) => ({ userId, deviceId })),
      });
      const known = full || epoch === this.epoch;
      this.epoch = known ? epoch : undefined;
      if (!known) this.flushIn(0);
    } catch (error) {
      this.epoch = undefined;
      this.deps.onError(error);
      this.flushIn(RETRY_MS);
    } finally {
      this.reporting = false;
    }
  }
}
