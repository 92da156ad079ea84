import type { UserRoom } from "../../caches/memberships";
import type { StreamToken } from "../../lib/streamToken";
import type { SyncFilter } from "../../rooms/filter";
import { accountDataOf } from "../accountData";
import type { AccountDataEvent, AccountDataEvents } from "../accountData";
import type { App } from "../app";
import { unreadCounts } from "../push/unread";
import type { RoomUnread } from "../push/unread";
import { receiptsSince } from "../receipts";
import type { Requester } from "../requester";
import { typingSince } from "../typing";
import type { RoomSection, Tree } from "./roomSections";

export interface OtherStreamsRequest {
  readonly sections: readonly RoomSection[];
  readonly joined: readonly UserRoom[];
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
  readonly filter: SyncFilter;
  /** What changed, or in a first sync everything. */
  readonly roomAccountData: AccountDataEvents["rooms"];
}

interface RoomExtras {
  readonly ephemeral: ReadonlyMap<string, readonly Tree[]>;
  readonly accountData: ReadonlyMap<string, readonly AccountDataEvent[]>;
}

/** The `join` and `leave` sections: what the events stream gave, and receipts, typing, account data and counts beside it. */
export async function withOtherStreams(
  app: App,
  requester: Requester,
  request: OtherStreamsRequest,
): Promise<{ readonly join?: Tree; readonly leave?: Tree }> {
  const { sections, joined } = request;
  const fresh = new Set(
    sections.filter(({ job }) => job.section === "join" && (job.newlyJoined || !request.since)).map(({ job }) => job.room.roomId),
  );
  const extras: RoomExtras = {
    ephemeral: await ephemeral(app, requester, request, fresh),
    accountData: await roomAccountData(app, requester, request, fresh),
  };
  const bySections = new Map(sections.filter(({ job }) => job.section === "join").map((section) => [section.job.room.roomId, section]));
  const shown = joined.filter(({ roomId }) => {
    const section = bySections.get(roomId);
    return (section && !section.empty) || extras.ephemeral.has(roomId) || extras.accountData.has(roomId);
  });
  const unread = await unreadCounts(app, requester.userId, shown);
  const join: Record<string, Tree> = {};
  for (const { roomId } of shown) {
    const fields = bySections.get(roomId)?.fields ?? { timeline: { events: [], limited: false }, state: { events: [] } };
    join[roomId] = {
      ...fields,
      account_data: { events: (extras.accountData.get(roomId) ?? []) as unknown as Tree },
      ephemeral: { events: extras.ephemeral.get(roomId) ?? [] },
      ...unreadFields(unread.get(roomId), request.filter),
    };
  }
  const leave: Record<string, Tree> = {};
  for (const { job, fields } of sections) if (job.section === "leave") leave[job.room.roomId] = { ...fields, account_data: { events: [] } };
  return { ...(Object.keys(join).length > 0 && { join }), ...(Object.keys(leave).length > 0 && { leave }) };
}

/** Counts of the room, or with `unread_thread_notifications` of its main timeline and of each thread (MSC3773). */
function unreadFields(unread: RoomUnread | undefined, filter: SyncFilter): { readonly [key: string]: Tree } {
  if (!unread) return { unread_notifications: { notification_count: 0, highlight_count: 0 } };
  if (!filter.room.timeline.unreadThreadNotifications) return { unread_notifications: { ...unread.total } };
  const threads = Object.fromEntries([...unread.threads].map(([thread, counts]) => [thread, { ...counts }]));
  return { unread_notifications: { ...unread.main }, ...(unread.threads.size > 0 && { unread_thread_notifications: threads }) };
}

async function ephemeral(
  app: App,
  requester: Requester,
  { joined, since, now, filter }: OtherStreamsRequest,
  fresh: ReadonlySet<string>,
): Promise<Map<string, Tree[]>> {
  const out = new Map<string, Tree[]>();
  const put = (roomId: string, event: Tree): void => {
    const here = out.get(roomId);
    if (here) here.push(event);
    else out.set(roomId, [event]);
  };
  const wants = filter.room.ephemeral;
  const rooms = joined.map(({ roomId }) => roomId).filter((roomId) => wants.allowsRoom(roomId));
  const known = rooms.filter((roomId) => !fresh.has(roomId));
  const isNew = rooms.filter((roomId) => fresh.has(roomId));
  if (wants.allowsType("m.receipt")) {
    const { userId } = requester;
    const ranges = [
      { roomIds: known, from: since?.receipts ?? 0, to: now.receipts, userId },
      { roomIds: isNew, from: 0, to: now.receipts, userId },
    ].filter(({ roomIds, from, to }) => roomIds.length > 0 && from < to);
    const found = ranges.length === 0 ? [] : await Promise.all(ranges.map((range) => receiptsSince(app, range)));
    for (const part of found) for (const [roomId, content] of part) put(roomId, { type: "m.receipt", content });
  }
  if (wants.allowsType("m.typing")) {
    const typing = [typingSince(app, new Set(known), since?.typing ?? 0), typingSince(app, new Set(isNew), 0)];
    for (const part of typing) for (const [roomId, users] of part) put(roomId, { type: "m.typing", content: { user_ids: [...users] } });
  }
  return out;
}

async function roomAccountData(
  app: App,
  requester: Requester,
  { roomAccountData: changed, since, filter }: OtherStreamsRequest,
  fresh: ReadonlySet<string>,
): Promise<Map<string, readonly AccountDataEvent[]>> {
  const whole =
    since && fresh.size > 0 ? await accountDataOf(app, requester.userId, [...fresh]) : new Map<string, readonly AccountDataEvent[]>();
  const out = new Map<string, readonly AccountDataEvent[]>();
  for (const [roomId, events] of [...changed, ...whole]) {
    const passing = events.filter(({ type }) => filter.room.accountData.matches({ type, roomId }));
    if (passing.length > 0) out.set(roomId, passing);
  }
  return out;
}
