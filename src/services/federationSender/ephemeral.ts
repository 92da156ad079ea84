import { setTimeout as sleep } from "node:timers/promises";
import { hostOf } from "../../caches/memberships";
import { messageOf } from "../../replication/log";
import type { EventStreamRow } from "../../storage/events";
import type { PresenceRow } from "../../storage/presence";
import type { Receipt } from "../../storage/receipts";
import { eventsStream } from "../../streams/events";
import { presenceStream } from "../../streams/presence";
import { receiptsStream } from "../../streams/receipts";
import { toDeviceStream } from "../../streams/toDevice";
import { typingStream } from "../../streams/typing";
import type { Destinations } from "./destinations";
import { hostsOfUsers } from "./deviceReader";
import type { DestinationQueue } from "./queue";
import { ReceiptPace } from "./receiptPace";
import type { CountingApp } from "./senderApp";

/** Their writer repeats itself every 40 s while somebody goes on typing: what it said longer ago than this is such a repetition. */
const TYPING_REPEAT_MS = 30_000;
/** A server that just joined has to store the room first: what it hears of users before that means nothing to it. */
const NEWCOMER_MS = 500;
/** Other servers take users for gone of whom they hear nothing for 30 min. */
const PRESENCE_REPEAT_MS = 25 * 60_000;

/** Gives what is of the moment, and messages to devices, to the queues of the servers that they concern. */
export class Ephemeral {
  /** Local typists by room, and when other servers were told. */
  private readonly typists = new Map<string, Map<string, number>>();
  private readonly pace: ReceiptPace;
  private readonly stops: (() => void)[];

  constructor(
    private readonly app: CountingApp,
    private readonly destinations: Destinations,
  ) {
    const { streams, config } = app;
    this.pace = new ReceiptPace(config.federation_rr_transactions_per_room_per_second, app.clock, (receipts) =>
      this.sendReceipts(receipts),
    );
    this.stops = [
      streams.subscribe(typingStream, (rows) => {
        for (const { row } of rows) this.typing(row.roomId, row.users as readonly string[]);
      }),
      streams.subscribe(receiptsStream, (rows) => {
        for (const { row } of rows) if (row.receiptType === "m.read" && this.isOurs(row.userId)) this.pace.add(row);
      }),
      streams.subscribe(toDeviceStream, (rows) => {
        for (const { row } of rows) if (!row.entity.startsWith("@")) this.toDevice(row.entity);
      }),
      () => this.pace.stop(),
    ];
    if (config.presence.enabled === false) return;
    const timer = setInterval(() => this.presence([...app.userData.presence.present()]), PRESENCE_REPEAT_MS).unref();
    this.stops.push(
      streams.subscribe(presenceStream, (rows, _, { reset }) => {
        if (!reset) this.presence(rows.map(({ row }) => row));
      }),
      streams.subscribe(eventsStream, (rows) => {
        for (const { row } of rows) if (row.membership === "join" && row.prevMembership !== "join" && row.keyNid !== null) this.joined(row);
      }),
      () => clearInterval(timer),
    );
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  private isOurs(userId: string): boolean {
    return hostOf(userId) === this.app.serverName;
  }

  private toDevice(destination: string): void {
    const queue = this.destinations.queueOf(destination);
    if (!queue) return;
    queue.toDevice = true;
    this.destinations.wake(queue);
  }

  private typing(roomId: string, userIds: readonly string[]): void {
    const now = this.app.clock.now();
    const before = this.typists.get(roomId) ?? new Map<string, number>();
    const after = new Map<string, number>();
    const news: string[] = [];
    for (const userId of userIds) {
      if (!this.isOurs(userId)) continue;
      const told = before.get(userId);
      const isNews = told === undefined || now - told >= TYPING_REPEAT_MS;
      if (isNews) news.push(userId);
      after.set(userId, isNews ? now : told);
    }
    news.push(...[...before.keys()].filter((userId) => !after.has(userId)));
    if (after.size > 0) this.typists.set(roomId, after);
    else this.typists.delete(roomId);
    if (news.length === 0) return;
    this.toRoom(roomId, (queue) => {
      // As it is by now: whoever stopped meanwhile is not told of as typing after that.
      for (const userId of news) queue.setTyping({ roomId, userId, typing: this.typists.get(roomId)?.has(userId) ?? false });
    });
  }

  private sendReceipts(receipts: readonly Receipt[]): void {
    const roomId = receipts[0]?.roomId;
    if (roomId === undefined) return;
    this.toRoom(roomId, (queue) => {
      for (const receipt of receipts) queue.setReceipt(receipt);
    });
  }

  private presence(rows: readonly PresenceRow[]): void {
    const ours = rows.filter(({ userId }) => this.isOurs(userId));
    if (ours.length === 0) return;
    this.attempt("presence", async () => {
      const hosts = await hostsOfUsers(
        this.app.caches,
        ours.map(({ userId }) => userId),
      );
      for (const row of ours) this.toHosts(hosts.get(row.userId) ?? [], (queue) => queue.setPresence(row));
    });
  }

  /** Those who share a room for the first time hear of each other: of a user of ours in all of it, of all of ours at a new server. */
  private joined({ roomNid, stateKey }: EventStreamRow): void {
    if (stateKey === null) return;
    this.attempt("presence of joining users", async () => {
      const { caches, userData } = this.app;
      if (!this.isOurs(stateKey)) await sleep(NEWCOMER_MS, undefined, { ref: false });
      const host = hostOf(stateKey);
      const members = await caches.memberships.ofRoom(roomNid);
      if (host !== this.app.serverName && (members.hosts.get(host) ?? 0) > 1) return;
      const [users, hosts] = this.isOurs(stateKey) ? [[stateKey], members.hosts.keys()] : [members.local.keys(), [host]];
      const rows = Array.from(users, (userId) => userData.presence.get(userId)).filter(
        (row) => row !== undefined && row.state !== "offline",
      );
      this.toHosts(hosts, (queue) => {
        for (const row of rows) if (row) queue.setPresence(row);
      });
    });
  }

  private toRoom(roomId: string, put: (queue: DestinationQueue) => void): void {
    this.attempt("what happens in a room", async () => {
      const room = await this.app.caches.rooms.byId(roomId);
      if (room) this.toHosts((await this.app.caches.memberships.ofRoom(room.nid)).hosts.keys(), put);
    });
  }

  private toHosts(hosts: Iterable<string>, put: (queue: DestinationQueue) => void): void {
    for (const host of hosts) {
      const queue = this.destinations.reachable(host);
      if (!queue) continue;
      put(queue);
      this.destinations.wake(queue);
    }
  }

  private attempt(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) =>
      this.app.log("synapse.federation.sender").warn(`cannot tell other servers of ${what}`, { error: messageOf(error) }),
    );
  }
}
