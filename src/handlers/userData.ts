import { createCache } from "../caches/cache";
import type { Cache } from "../caches/cache";
import { createLastChanges } from "../caches/lastChanges";
import type { LastChanges } from "../caches/lastChanges";
import { createPresenceView } from "../caches/presence";
import type { PresenceView } from "../caches/presence";
import { createRecentRows } from "../caches/recentRows";
import type { RecentRows } from "../caches/recentRows";
import { createTypingView } from "../caches/typing";
import type { TypingView } from "../caches/typing";
import { messageOf } from "../replication/log";
import type { Ownership } from "../replication/ownership";
import type { SyncFilter } from "../rooms/filter";
import { ignoredBy } from "../storage/accountData";
import type { StoredReceipt } from "../storage/receipts";
import { accountDataStream } from "../streams/accountData";
import { presenceStream } from "../streams/presence";
import { receiptsStream } from "../streams/receipts";
import { toDeviceStream } from "../streams/toDevice";
import { typingStream } from "../streams/typing";
import { createAccountDataWriter } from "../writers/accountData";
import type { AccountDataWriter } from "../writers/accountData";
import { reportActivity, reportSyncs } from "../writers/ephemeralRpc";
import { PresenceWriter } from "../writers/presence";
import { createReceiptWriter } from "../writers/receipts";
import type { ReceiptWriter } from "../writers/receipts";
import { createToDeviceWriter } from "../writers/toDevice";
import type { ToDeviceWriter } from "../writers/toDevice";
import { TypingWriter } from "../writers/typing";
import type { App } from "./app";
import { PresenceReporter } from "./presenceReporter";
import { createRoomMarks } from "./roomMarks";
import type { RoomMarks } from "./roomMarks";

/** What a process holds of the data of users: the writers, in case that it owns some, and what it remembers of the streams. */
export interface UserData {
  readonly accountDataWriter: AccountDataWriter;
  readonly receiptWriter: ReceiptWriter;
  readonly toDeviceWriter: ToDeviceWriter;
  readonly typingWriter: TypingWriter;
  readonly presenceWriter: PresenceWriter;

  readonly accountDataChanges: LastChanges;
  readonly toDeviceChanges: LastChanges;
  readonly receipts: RecentRows<StoredReceipt>;
  readonly typing: TypingView;
  readonly presence: PresenceView;
  readonly presenceReporter: PresenceReporter;
  /** Up to where the inbox of a device is known to be empty, by "user device". */
  readonly emptyInboxes: Cache<string, { readonly upTo: number }>;
  /** Filters by "user id", ready to use. They never change. */
  readonly filters: Cache<string, SyncFilter>;
  readonly ignoredUsers: Cache<string, ReadonlySet<string>>;
  readonly roomMarks: RoomMarks;

  /** Call it when the streams run. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export type UserDataDeps = Pick<App, "config" | "clock" | "random" | "log" | "db" | "streams" | "rpc" | "caches" | "notifier"> & {
  readonly ownership: Pick<Ownership, "fence" | "isMine" | "onChange">;
};

const REMEMBERED_RECEIPTS = 50_000;
const REMEMBERED_USERS = 100_000;
const REMEMBERED_PRESENCE = 20_000;

/** Makes what a process needs for the data of users. It must be made before the streams start. */
export function createUserData(deps: UserDataDeps): UserData {
  const { db, clock, random, streams, rpc, config, ownership } = deps;
  const log = deps.log("synapse.handlers.user_data");
  const factor = config.caches.global_factor;
  const onError = (error: unknown): void => log.warn("presence", { error: messageOf(error) });
  const cacheOf = <V extends object>(
    name: string,
    max: number,
    load: (keys: readonly string[]) => Promise<Iterable<readonly [string, V]>>,
  ) => createCache<string, V>({ name, max: Math.max(1, Math.round(max * factor)), load });
  const presence = createPresenceView(() => streams.position(presenceStream), REMEMBERED_PRESENCE);
  const userData: UserData = {
    accountDataWriter: createAccountDataWriter({ db, streams, log, ownership }),
    receiptWriter: createReceiptWriter({ db, streams, log, ownership }),
    toDeviceWriter: createToDeviceWriter({ db, streams, log, clock, ownership }),
    typingWriter: new TypingWriter({ clock, streams }),
    presenceWriter: new PresenceWriter({ db, clock, random, timers: config.presence, streams, ownership, onError }),
    accountDataChanges: createLastChanges(() => streams.position(accountDataStream), REMEMBERED_USERS),
    toDeviceChanges: createLastChanges(() => streams.position(toDeviceStream), REMEMBERED_USERS),
    receipts: createRecentRows(() => streams.position(receiptsStream), REMEMBERED_RECEIPTS),
    typing: createTypingView(),
    presence,
    presenceReporter: new PresenceReporter({
      enabled: config.presence.enabled === true,
      clock,
      random,
      view: presence,
      granularity: config.presence.last_active_granularity,
      report: (report) => rpc.call(reportSyncs, report),
      activity: (device) => rpc.call(reportActivity, device),
      onError,
    }),
    emptyInboxes: cacheOf("to_device_empty_inboxes", 50_000, async () => []),
    filters: cacheOf("get_user_filter", 10_000, async () => []),
    ignoredUsers: cacheOf("ignored_users", 20_000, async (userIds) => {
      const found = new Map((await ignoredBy(db, userIds)).map(({ ignorer, ignored }) => [ignorer, new Set(ignored)]));
      return userIds.map((userId) => [userId, found.get(userId) ?? new Set<string>()] as const);
    }),
    roomMarks: createRoomMarks(db, Math.max(1, Math.round(20_000 * factor))),
    start: async () => ownEphemeral(deps, userData, onError),
    async stop() {
      await userData.presenceReporter.stop();
      userData.typingWriter.resign();
      await userData.presenceWriter.close();
      await Promise.all([userData.accountDataWriter.drain(), userData.receiptWriter.drain(), userData.toDeviceWriter.drain()]);
    },
  };
  follow(deps, userData);
  return userData;
}

/** Lives in the memory of whoever owns it: what this process takes over, and what it must let go. */
function ownEphemeral({ ownership, config }: UserDataDeps, userData: UserData, onError: (error: unknown) => void): void {
  const own = (): void => {
    if (!ownership.isMine(typingStream.writer)) userData.typingWriter.resign();
    if (config.presence.enabled === false) return;
    userData.presenceReporter.refresh();
    if (ownership.isMine(presenceStream.writer)) userData.presenceWriter.start().catch(onError);
    else userData.presenceWriter.resign();
  };
  ownership.onChange(own);
  own();
}

/** Keeps what is remembered in step with the streams. */
function follow({ streams, caches, notifier, config, log }: UserDataDeps, userData: UserData): void {
  streams.subscribe(accountDataStream, (rows) => {
    for (const { id, row } of rows) {
      userData.accountDataChanges.note(row.userId, id);
      userData.roomMarks.apply(row);
      if (row.type === "m.ignored_user_list" && row.roomId === null) userData.ignoredUsers.delete(row.userId);
    }
  });
  streams.subscribe(toDeviceStream, (rows) => {
    for (const { id, row } of rows) userData.toDeviceChanges.note(row.entity, id);
  });
  streams.subscribe(receiptsStream, (rows) => {
    for (const { id, row } of rows) userData.receipts.push(row.roomId, { ...row, streamId: id });
  });
  streams.subscribe(typingStream, (rows, position, { reset }) => {
    const rooms = rows.map(({ id, row }) => ({ id, roomId: row.roomId, users: row.users as string[] }));
    if (reset) userData.typing.reset(new Map(rooms.map(({ roomId, users }) => [roomId, users])), position);
    else for (const { id, roomId, users } of rooms) userData.typing.set(roomId, users, id);
  });
  if (config.presence.enabled === false) return;
  streams.subscribe(presenceStream, (rows, position, { reset }) => {
    if (reset) {
      userData.presence.reset(
        rows.map(({ row }) => row),
        position,
      );
      userData.presenceReporter.refresh();
    } else for (const { id, row } of rows) userData.presence.set(row, id);
    if (notifier.idle()) return;
    wakeThoseWhoSee({ caches, notifier }, new Set(rows.map(({ row }) => row.userId))).catch((error: unknown) =>
      log("synapse.handlers.presence").warn("cannot tell who sees a change of presence", { error: messageOf(error) }),
    );
  });
}

/** Wakes whoever shares a room with the users; once for each room, however many users changed. */
async function wakeThoseWhoSee({ caches, notifier }: Pick<App, "caches" | "notifier">, userIds: ReadonlySet<string>): Promise<void> {
  const rooms = new Set<string>();
  for (const places of (await caches.memberships.ofUsers([...userIds])).values()) {
    for (const place of places.values()) if (place.membership === "join") rooms.add(place.roomId);
  }
  notifier.wake(presenceStream.name, { rooms: [...rooms] });
}
