import { queryOwnUsers } from "../../handlers/keys/query";
import { pduText } from "../../handlers/federation/pduText";
import { JsonText } from "../../lib/jsonText";
import { quote } from "../../lib/canonicalJson";
import { markDevicesSent, waitingDevicesOf } from "../../storage/deviceListOutbox";
import { missedEvents } from "../../storage/outgoingEvents";
import type { MissedEvent } from "../../storage/outgoingEvents";
import { deleteOutboxUpTo, outboxOf } from "../../storage/toDevice";
import { presenceEdus, receiptEdus, toDeviceEdu, typingEdu } from "./edus";
import type { Edu } from "./edus";
import type { DestinationQueue } from "./queue";
import { keyEdus } from "./keyEdus";
import { joinedOf } from "./roomHosts";
import type { CountingApp } from "./senderApp";

/** What goes out at once, and what to do when it has been taken. */
export interface Transaction {
  readonly pdus: readonly string[];
  readonly edus: readonly Edu[];
  taken(): Promise<void>;
}

/** Server-server API, "Transactions". */
const MAX_PDUS = 50;
const MAX_EDUS = 100;
const MAX_PRESENCE = 50;
/** Characters of events, if there is more than one. */
const MAX_PDU_TEXT = 1024 * 1024;

interface Part<T> {
  readonly items: readonly T[];
  taken(): Promise<void>;
}

/** The next transaction for a server, empty when nothing waits. sentTo: up to where events have been given to the queues. */
export async function nextTransaction(app: CountingApp, queue: DestinationQueue, sentTo: number): Promise<Transaction> {
  const [pdus, toDevice, devices] = await Promise.all([
    queue.pdus.length > 0 || queue.missedAfter === undefined ? queuedPdus(app, queue) : missedPdus(app, queue, sentTo),
    toDeviceEdus(app, queue),
    deviceEdus(app, queue),
  ]);
  const edus = [...toDevice.items, ...devices.items, ...ephemeralEdus(app, queue, MAX_EDUS - toDevice.items.length - devices.items.length)];
  const parts = [pdus, toDevice, devices];
  return {
    pdus: pdus.items,
    edus,
    taken: async () => void (await Promise.all(parts.map((part) => part.taken()))),
  };
}

/** The body of PUT /send/{txnId}, as canonical JSON around the stored texts. */
export function transactionText(origin: string, now: number, { pdus, edus }: Pick<Transaction, "pdus" | "edus">): JsonText {
  const texts = edus.map(({ text }) => text);
  return new JsonText(`{"edus":[${texts.join(",")}],"origin":${quote(origin)},"origin_server_ts":${now},"pdus":[${pdus.join(",")}]}`);
}

/** Parallel to nids; undefined for events that are gone. */
async function textsOf(app: CountingApp, nids: readonly number[]): Promise<(string | undefined)[]> {
  const events = await app.caches.events.byNids(nids);
  return nids.map((nid) => {
    const event = events.get(nid);
    return event && pduText(event).text;
  });
}

const present = (texts: readonly (string | undefined)[]): string[] => texts.filter((text) => text !== undefined);

async function queuedPdus(app: CountingApp, queue: DestinationQueue): Promise<Part<string>> {
  const nids = queue.pdus.slice(0, MAX_PDUS).map(({ nid }) => nid);
  const texts = await textsOf(app, nids);
  let size = 0;
  const fitting = texts.findIndex((text, n) => (size += text?.length ?? 0) > MAX_PDU_TEXT && n > 0);
  const count = fitting < 0 ? texts.length : fitting;
  return { items: present(texts.slice(0, count)), taken: async () => void queue.pdus.splice(0, count) };
}

/** A page of what the server has missed: the newest of our events in each room, that in which least happened lately first. */
async function missedPdus(app: CountingApp, queue: DestinationQueue, sentTo: number): Promise<Part<string>> {
  const after = queue.missedAfter ?? sentTo;
  const rows = await missedEvents(app.db, {
    destination: queue.name,
    serverName: app.serverName,
    after,
    upTo: sentTo,
    limit: MAX_PDUS,
  });
  const [theirs, last] = [await thoseInRoom(app, rows), rows.at(-1)];
  return {
    items: present(await textsOf(app, theirs)),
    taken: async () => {
      if (last) queue.missedAfter = last.position;
      else if (queue.skippedTo <= sentTo) queue.missedAfter = undefined;
    },
  };
}

/** Of events that a server may have missed those that were for it: it was in the room, or the event is about a user of it. */
async function thoseInRoom({ caches }: CountingApp, rows: readonly MissedEvent[]): Promise<number[]> {
  const joined = await joinedOf(
    caches.events,
    rows.flatMap(({ moves }) => moves),
  );
  return rows
    .filter(({ joined: now, moves, concerns }) => concerns || now > moves.reduce((sum, move) => sum + joined.stepOf(move), 0))
    .map(({ nid }) => nid);
}

async function toDeviceEdus({ db }: CountingApp, queue: DestinationQueue): Promise<Part<Edu>> {
  if (!queue.toDevice) return nothing;
  // What comes meanwhile sets it again.
  queue.toDevice = false;
  const rows = await outboxOf(db, queue.name, Number.MAX_SAFE_INTEGER, MAX_EDUS / 2);
  const last = rows.at(-1);
  if (!last) return nothing;
  queue.toDevice = true;
  return { items: rows.map(({ content }) => toDeviceEdu(content)), taken: () => deleteOutboxUpTo(db, queue.name, last.streamId) };
}

async function deviceEdus(app: CountingApp, queue: DestinationQueue): Promise<Part<Edu>> {
  if (!queue.deviceLists) return nothing;
  queue.deviceLists = false;
  // Cross-signing keys take two EDUs each.
  const updates = await waitingDevicesOf(app.db, queue.name, MAX_EDUS / 4);
  if (updates.length === 0) return nothing;
  queue.deviceLists = true;
  const users = new Map(updates.map(({ userId }) => [userId, []]));
  const found = await queryOwnUsers(app, users, { userId: undefined, showNames: false });
  const names = app.config.allow_device_name_lookup_over_federation;
  return { items: keyEdus(updates, found, names), taken: () => markDevicesSent(app.db, queue.name, updates) };
}

const nothing: Part<never> = { items: [], taken: async () => undefined };

function ephemeralEdus({ clock }: CountingApp, queue: DestinationQueue, room: number): Edu[] {
  const typing = queue.takeTyping(Math.floor(room / 2)).map(typingEdu);
  const presence = presenceEdus(queue.takePresence(MAX_PRESENCE), clock.now());
  return [...typing, ...presence, ...receiptEdus(queue.takeReceipts(room - typing.length - presence.length))];
}
