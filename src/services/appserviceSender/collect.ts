import type { AppService } from "../../config/appservices";
import type { App } from "../../handlers/app";
import { renderEvents } from "../../handlers/events/render";
import { strippedState } from "../../handlers/sync/stripped";
import type { JsonObject } from "../../lib/json";
import type { DeviceListChange } from "../../storage/deviceListChanges";
import type { EventStreamRow } from "../../storage/events";
import type { Receipt } from "../../storage/receipts";
import type { StreamRow } from "../../storage/streamIds";
import { toDeviceMessagesOfUsers } from "../../storage/toDevice";
import { presenceEvents, receiptEvents, typingEvents } from "./ephemeral";
import type { Feed, Passing } from "./feed";
import type { Interest } from "./interest";
import { changedUsers, deviceListField, keyFields, wantsKeys } from "./keyExtensions";

export type CollectApp = Pick<App, "caches" | "clock" | "config" | "db" | "keys" | "log" | "turns">;

/** Where a service stands in the streams, by their names. */
export interface Places {
  readonly events: number;
  readonly receipts: number;
  readonly to_device: number;
  readonly device_lists: number;
}

export interface Feeds {
  readonly events: Feed<EventStreamRow>;
  readonly receipts: Feed<Receipt>;
  readonly toDevice: Feed<{ entity: string }>;
  readonly deviceLists: Feed<DeviceListChange>;
}

/** What the next transaction holds, and where the service stands once that is stored. Nothing to say: no body. */
export interface Collected {
  readonly body: string | undefined;
  readonly events: number;
  readonly places: Places;
  /** Whether more is waiting. */
  readonly more: boolean;
}

export interface Source {
  readonly service: AppService;
  readonly interest: Interest;
  readonly feeds: Feeds;
  readonly passing: Passing;
}

/** Each of events, ephemeral ones and messages to devices in one transaction. */
export const MAX_ITEMS = 100;

interface Part {
  /** JSON text each. */
  readonly items: readonly string[];
  readonly upTo: number;
  readonly more: boolean;
  /** Users of the service whom it concerns. */
  readonly users?: ReadonlySet<string>;
}

/** Puts together what has happened since that concerns a service. */
export async function collect(app: CollectApp, source: Source, places: Places): Promise<Collected> {
  const { service, feeds, interest } = source;
  const hasKeys = wantsKeys(app, service);
  const skip = (feed: Feed<unknown>): Part => ({ items: [], upTo: feed.head(), more: false });
  const wantsToDevice = service.supportsToDevice && app.config.experimental_features.msc2409_to_device_messages_enabled;
  const [events, receipts, toDevice, devices] = await Promise.all([
    collectEvents(app, source, places.events),
    service.pushEphemeral ? collectReceipts(app, source, places.receipts) : skip(feeds.receipts),
    wantsToDevice ? collectToDevice(app, source, places.to_device) : skip(feeds.toDevice),
    hasKeys
      ? changedUsers(app, { service, interest, feed: feeds.deviceLists }, places.device_lists)
      : { users: [], upTo: feeds.deviceLists.head(), more: false },
  ]);
  const passing = service.pushEphemeral ? await collectPassing(app, source) : [];
  const ephemeral = [...receipts.items, ...passing];
  const isEmpty = events.items.length === 0 && ephemeral.length === 0 && toDevice.items.length === 0 && devices.users.length === 0;
  const own = new Set([...(events.users ?? []), ...(toDevice.users ?? [])]);
  const keys = hasKeys && !isEmpty ? await keyFields(app, own) : [];
  if (devices.users.length > 0) keys.push(deviceListField(devices.users));
  return {
    body: isEmpty ? undefined : bodyOf(service, { events: events.items, ephemeral, toDevice: toDevice.items, keys }),
    events: events.items.length,
    places: { events: events.upTo, receipts: receipts.upTo, to_device: toDevice.upTo, device_lists: devices.upTo },
    more: events.more || receipts.more || toDevice.more || devices.more,
  };
}

/** JSON text each; of `keys` each is a field. */
type Parts = Readonly<Record<"events" | "ephemeral" | "toDevice" | "keys", readonly string[]>>;

/** Ephemeral events and messages to devices stand under the names that services know from before they were released (MSC2409), too. */
function bodyOf(service: AppService, { events, ephemeral, toDevice, keys }: Parts): string {
  const fields = [`"events":[${events.join(",")}]`];
  if (service.pushEphemeral) {
    const list = `[${ephemeral.join(",")}]`;
    fields.push(`"ephemeral":${list}`, `"de.sorunome.msc2409.ephemeral":${list}`);
  }
  if (toDevice.length > 0) {
    const list = `[${toDevice.join(",")}]`;
    fields.push(`"to_device":${list}`, `"de.sorunome.msc2409.to_device":${list}`);
  }
  return `{${[...fields, ...keys].join(",")}}`;
}

/** The first so many of the rows that concern the service, and the place behind them. */
function take<Row>(found: readonly StreamRow<Row>[], upTo: number): { rows: readonly StreamRow<Row>[]; upTo: number; isCut: boolean } {
  if (found.length <= MAX_ITEMS) return { rows: found, upTo, isCut: false };
  const rows = found.slice(0, MAX_ITEMS);
  return { rows, upTo: rows.at(-1)?.id ?? upTo, isCut: true };
}

async function collectEvents(app: CollectApp, { service, interest, feeds }: Source, from: number): Promise<Part> {
  const page = await feeds.events.after(from);
  const rooms = await interest.inRooms(service, [...new Set(page.rows.map(({ row }) => row.roomNid))]);
  const concerned = page.rows.filter(
    ({ row }) =>
      rooms.has(row.roomNid) ||
      interest.inUser(service, row.sender) ||
      (row.membership !== null && row.stateKey !== null && interest.inUser(service, row.stateKey)),
  );
  const { rows, upTo, isCut } = take(concerned, page.upTo);
  const found = await app.caches.events.byNids(rows.map(({ row }) => row.nid));
  const events = rows.flatMap(({ row }) => found.get(row.nid) ?? []);
  const strippedStates = new Map<string, JsonObject[]>();
  for (const { row } of rows) {
    const event = found.get(row.nid);
    if (event && row.membership === "invite" && row.stateKey !== null && interest.inUser(service, row.stateKey)) {
      strippedStates.set(row.eventId, await strippedState(app, event));
    }
  }
  const reader = { userId: service.senderUserId, deviceId: undefined };
  const rendered = await renderEvents(app, events, { format: "client", reader, strippedStates });
  const users = await interest.membersOf(service, [...new Set(rows.map(({ row }) => row.roomNid))]);
  return { items: rendered.map(({ text }) => text), upTo, more: isCut || upTo < feeds.events.head(), users };
}

/** Of others' private receipts a service hears nothing (application service API, "Pushing ephemeral data"). */
async function collectReceipts(app: CollectApp, { service, interest, feeds }: Source, from: number): Promise<Part> {
  const page = await feeds.receipts.after(from);
  const visible = page.rows.filter(({ row }) => row.receiptType === "m.read" || interest.inUser(service, row.userId));
  const rooms = await concernedRooms(
    app,
    service,
    interest,
    visible.map(({ row }) => row.roomId),
  );
  const { rows, upTo, isCut } = take(
    visible.filter(({ row }) => rooms.has(row.roomId)),
    page.upTo,
  );
  return { items: receiptEvents(rows.map(({ row }) => row)), upTo, more: isCut || upTo < feeds.receipts.head() };
}

async function concernedRooms(
  app: CollectApp,
  service: AppService,
  interest: Interest,
  roomIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const infos = await app.caches.rooms.byIds([...new Set(roomIds)]);
  const concerned = await interest.inRooms(
    service,
    [...infos.values()].map(({ nid }) => nid),
  );
  return new Set([...infos.values()].filter(({ nid }) => concerned.has(nid)).map(({ roomId }) => roomId));
}

async function collectToDevice(app: CollectApp, { service, interest, feeds }: Source, from: number): Promise<Part> {
  const page = await feeds.toDevice.after(from);
  const users = new Set(page.rows.map(({ row }) => row.entity).filter((entity) => interest.inUser(service, entity)));
  if (users.size === 0) return { items: [], upTo: page.upTo, more: page.upTo < feeds.toDevice.head() };
  const range = { from, to: page.upTo, limit: MAX_ITEMS };
  const messages = await toDeviceMessagesOfUsers(app.db, [...users], range);
  const upTo = messages.length === MAX_ITEMS ? (messages.at(-1)?.streamId ?? page.upTo) : page.upTo;
  const items = messages.map(
    ({ message, userId, deviceId }) =>
      `${message.slice(0, -1)},"to_user_id":${JSON.stringify(userId)},"to_device_id":${JSON.stringify(deviceId)}}`,
  );
  return { items, upTo, more: upTo < feeds.toDevice.head(), users };
}

/** Takes what has passed by out of memory. */
async function collectPassing(app: CollectApp, { service, interest, passing }: Source): Promise<string[]> {
  const typing = [...passing.typing].slice(0, MAX_ITEMS);
  const presence = [...passing.presence.values()].slice(0, MAX_ITEMS);
  for (const [roomId] of typing) passing.typing.delete(roomId);
  for (const { userId } of presence) passing.presence.delete(userId);
  if (typing.length === 0 && presence.length === 0) return [];
  const rooms = await concernedRooms(
    app,
    service,
    interest,
    typing.map(([roomId]) => roomId),
  );
  const strangers = presence.map(({ userId }) => userId).filter((userId) => !interest.inUser(service, userId));
  const places = await app.caches.memberships.ofUsers(strangers);
  const joined = [...places].flatMap(([userId, map]) =>
    [...map.values()].filter(({ membership }) => membership === "join").map(({ roomNid }) => ({ userId, roomNid })),
  );
  const near = await interest.inRooms(service, [...new Set(joined.map(({ roomNid }) => roomNid))]);
  const met = new Set(joined.filter(({ roomNid }) => near.has(roomNid)).map(({ userId }) => userId));
  return [
    ...typingEvents(typing.filter(([roomId]) => rooms.has(roomId))),
    ...presenceEvents(
      presence.filter(({ userId }) => interest.inUser(service, userId) || met.has(userId)),
      app.clock.now(),
    ),
  ];
}
