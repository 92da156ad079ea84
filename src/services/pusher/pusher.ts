import type { App } from "../../handlers/app";
import { exclusiveOwner } from "../../handlers/auth/appserviceAuth";
import { groupBy } from "../../lib/groupBy";
import { createLimiter } from "../../lib/limiter";
import { allPushers, pushersOfUsers, saveProgress } from "../../storage/pushers";
import type { Pusher } from "../../storage/pushers";
import { pushersStream } from "../../streams/pushers";
import { receiptsStream } from "../../streams/receipts";
import { createPause } from "../pause";
import { dispatchEvents } from "./dispatch";
import type { Dispatch } from "./dispatch";
import { createGateways } from "./gateways";
import { HttpPusher } from "./httpPusher";
import type { PusherDeps } from "./httpPusher";
import { MailPusher } from "./mailPusher";
import { createPusherMetrics } from "./metrics";
import { createProgress } from "./progress";

/** Users whose pushers are read at once. */
const PAGE_USERS = 500;
const SAVE_ROWS = 1_000;
/** Pushers at once that look for what they missed, and that put notifications together: requests need the database, too. */
const MAX_READING = 4;
const MAX_COMPOSING = 4;
const TROUBLE_MS = 5_000;

/** One of another kind is another pusher. */
const keyOf = ({ appId, pushkey, kind }: Pick<Pusher, "appId" | "pushkey" | "kind">): string => JSON.stringify([appId, pushkey, kind]);

/**
 * Runs the pushers of those users, HTTP and mail, whose duty falls to this process (`pusher`, shared out by user id), as long as it does. Gives the
 * way to stop.
 */
export function startPusher(app: App): () => Promise<void> {
  if (!app.config.push.enabled) return async () => undefined;
  const pool = new PusherPool(app);
  return () => pool.stop();
}

type Runner = HttpPusher | MailPusher;

class PusherPool {
  private readonly users = new Map<string, Map<string, Runner>>();
  private readonly dispatch: Dispatch;
  private readonly deps: PusherDeps;
  private readonly stops: (() => void)[];
  private readonly ending = new Set<Promise<void>>();
  /** Whose pushers are to be read again. */
  private readonly due = new Set<string>();
  private isAllDue = true;
  private isStopped = false;
  private refreshing: Promise<void> | undefined;
  private readonly pause = createPause();

  constructor(private readonly app: App) {
    const { streams, ownership, accounts, db, metrics } = app;
    this.deps = {
      gateways: createGateways(accounts.guardedWeb),
      progress: createProgress(db),
      metrics: createPusherMetrics(
        metrics,
        (kind) => [...this.pushers()].filter((pusher) => (pusher instanceof MailPusher ? "email" : "http") === kind).length,
      ),
      reading: createLimiter(MAX_READING, Number.MAX_SAFE_INTEGER),
      composing: createLimiter(MAX_COMPOSING, Number.MAX_SAFE_INTEGER),
    };
    this.dispatch = dispatchEvents(app, {
      users: this.users,
      notify: (userId, row) => this.users.get(userId)?.forEach((pusher) => pusher.add(row)),
      fallBehind: () => [...this.pushers()].forEach((pusher) => pusher.fallBehind()),
    });
    this.stops = [
      streams.subscribe(pushersStream, (rows) => {
        for (const { row } of rows) if (this.isOurs(row.userId)) this.due.add(row.userId);
        this.refresh();
      }),
      streams.subscribe(receiptsStream, (rows) => {
        for (const { row } of rows) {
          if (row.receiptType !== "m.read" && row.receiptType !== "m.read.private") continue;
          this.users.get(row.userId)?.forEach((pusher) => pusher.checkBadge());
        }
      }),
      ownership.onChange(() => this.settle()),
    ];
    this.refresh();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    for (const stop of this.stops) stop();
    this.pause.close();
    await Promise.all([this.refreshing, this.dispatch.stop()]);
    const all = [...this.pushers()];
    await Promise.all([...this.ending, ...all.map((pusher) => pusher.stop())]);
    // So that those with nothing to tell don't look through all of this time when they start again.
    const rows = all.flatMap((pusher) => pusher.unsaved(this.dispatch.seen()) ?? []);
    for (let i = 0; i < rows.length; i += SAVE_ROWS) await saveProgress(this.app.db, rows.slice(i, i + SAVE_ROWS));
  }

  private *pushers(): Iterable<Runner> {
    for (const own of this.users.values()) yield* own.values();
  }

  /** Nobody evaluates push rules for users of application services, so there is nothing to push to them. */
  private isOurs(userId: string): boolean {
    const { ownership, config } = this.app;
    return ownership.isMine("pusher", userId) && exclusiveOwner(config.derived.appServices, userId) === undefined;
  }

  /** Others may have the duty now. */
  private settle(): void {
    for (const userId of [...this.users.keys()]) if (!this.isOurs(userId)) this.reconcile([userId], []);
    this.isAllDue = true;
    this.refresh();
  }

  private refresh(): void {
    if (this.refreshing || this.isStopped || (!this.isAllDue && this.due.size === 0)) return;
    this.refreshing = new Promise((resolve) => {
      this.app.background("pusher_pool", async () => {
        try {
          await this.load();
        } catch (error) {
          this.app.log("synapse.push.pusherpool").error("cannot read pushers", { error });
          await this.pause.wait(TROUBLE_MS);
        }
        this.refreshing = undefined;
        resolve();
        this.refresh();
      });
    });
  }

  private async load(): Promise<void> {
    const isAll = this.isAllDue;
    const userIds = isAll ? [] : [...this.due].slice(0, PAGE_USERS);
    this.isAllDue = false;
    for (const userId of userIds) this.due.delete(userId);
    try {
      if (isAll) await this.loadAll();
      else this.reconcile(userIds, await pushersOfUsers(this.app.db, userIds));
    } catch (error) {
      this.isAllDue ||= isAll;
      for (const userId of userIds) this.due.add(userId);
      throw error;
    }
  }

  private async loadAll(): Promise<void> {
    let after = "";
    while (!this.isStopped) {
      const page = await allPushers(this.app.db, after, PAGE_USERS);
      const last = page.at(-1);
      if (!last) return;
      const userIds = [...new Set(page.map(({ userId }) => userId))];
      // Each of them asks for these soon: together they cost one statement.
      await this.app.caches.memberships.ofUsers(userIds.filter((userId) => this.isOurs(userId)));
      this.reconcile(userIds, page);
      after = last.userId;
    }
  }

  /** found: all pushers that these users have. */
  private reconcile(userIds: readonly string[], found: readonly Pusher[]): void {
    const wanted = groupBy(
      found.filter((pusher) => pusher.enabled && this.runs(pusher)),
      ({ userId }) => userId,
    );
    for (const userId of userIds) this.setUser(userId, (this.isOurs(userId) && wanted.get(userId)) || []);
  }

  private setUser(userId: string, wanted: readonly Pusher[]): void {
    const own = this.users.get(userId) ?? new Map<string, Runner>();
    const keys = new Set(wanted.map(keyOf));
    for (const [key, pusher] of own) {
      if (keys.has(key) && !pusher.isOver) continue;
      own.delete(key);
      this.end(pusher);
    }
    const fresh: Runner[] = [];
    for (const settings of wanted) {
      const known = own.get(keyOf(settings));
      known?.update(settings);
      if (known) continue;
      const pusher = this.make(settings);
      own.set(keyOf(settings), pusher);
      fresh.push(pusher);
    }
    if (own.size > 0) this.users.set(userId, own);
    else this.users.delete(userId);
    // They look for what they missed only now that they are told of what comes.
    for (const pusher of fresh) pusher.wake();
  }

  private runs({ kind }: Pusher): boolean {
    const { accounts, config } = this.app;
    return kind === "http" || (kind === "email" && accounts.mailer !== undefined && config.email?.enable_notifs === true);
  }

  private make(settings: Pusher): Runner {
    const { mailer } = this.app.accounts;
    const isMail = settings.kind === "email" && mailer;
    return isMail ? new MailPusher(this.app, settings, this.deps, mailer) : new HttpPusher(this.app, settings, this.deps);
  }

  private end(pusher: Runner): void {
    const ended = pusher.stop();
    this.ending.add(ended);
    void ended.finally(() => this.ending.delete(ended));
  }
}
