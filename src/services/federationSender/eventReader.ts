import { own } from "../../lib/json";
import { hostOf } from "../../caches/memberships";
import { slotOf } from "../../remote/senderSlots";
import { memberMovesBetween, outgoingEvents } from "../../storage/outgoingEvents";
import type { MemberMove, OutgoingEvent } from "../../storage/outgoingEvents";
import type { EventStreamRow } from "../../storage/events";
import { eventsStream } from "../../streams/events";
import { unPartialStatedRoomStream } from "../../streams/unPartialStatedRoom";
import type { Destinations } from "./destinations";
import type { DestinationQueue } from "./queue";
import { RoomHosts } from "./roomHosts";
import type { CountingApp } from "./senderApp";
import { SlotPositions } from "./slotPositions";

/** Positions of the stream read at once. */
const PAGE = 500;
/** Hosts of rooms kept in memory. */
const MAX_HOSTS = 400_000;

/** Reads the events stream and gives what we send to the queues of the servers that were in the room. */
export class EventReader {
  readonly slots = new SlotPositions();
  private readonly hosts: RoomHosts;
  private readonly unsubscribe: () => void;
  /** Events that may concern other servers go up to here. */
  relevantTo = 0;
  private head: number;

  constructor(
    private readonly app: CountingApp,
    private readonly destinations: () => Destinations,
    onNews: () => void,
  ) {
    const { db, serverName, caches, config, streams, metrics } = app;
    const max = Math.max(1, Math.round(MAX_HOSTS * config.caches.global_factor));
    this.hosts = new RoomHosts({ db, serverName, events: caches.events }, max);
    metrics.watchCache(this.hosts.stats);
    this.head = streams.position(eventsStream);
    const unsubscribes = [
      streams.subscribe(eventsStream, (rows, position) => {
        const wasRead = this.slots.standAt(this.head);
        this.head = position;
        for (const { row } of rows) if (row.resets && row.membership === "join") this.hosts.forget(row.roomNid);
        if (rows.some(({ row }) => this.isRelevant(row))) this.relevantTo = position;
        // Most rooms of most servers are theirs alone: to read what concerns nobody else would cost more than all the rest.
        else if (wasRead) return this.pass(position);
        onNews();
      }),
      streams.subscribe(unPartialStatedRoomStream, (rows) => rows.forEach(({ row }) => this.hosts.forget(row.roomNid))),
    ];
    this.unsubscribe = () => unsubscribes.forEach((stop) => stop());
  }

  stop(): void {
    this.unsubscribe();
  }

  /** Goes on past events that concern no other server. */
  private pass(position: number): void {
    this.hosts.moveTo(position);
    this.slots.moveTo(position);
  }

  /** The slot is ours from now on; it has been read up to position. */
  gain(slot: number, position: number): void {
    this.slots.gain(slot, position);
    this.relevantTo = this.head;
  }

  /** Reads a page. Gives whether there may be more. */
  async read(): Promise<boolean> {
    const covered = this.slots.current();
    if (covered.size === 0 || covered.position >= this.head) return false;
    const from = covered.position;
    const to = this.relevantTo > from ? Math.min(this.head, from + PAGE) : this.head;
    this.hosts.moveTo(from);
    if (this.relevantTo > from) await this.page(from, to, covered.positions);
    this.hosts.moveTo(to);
    covered.moveTo(to);
    return true;
  }

  /** Events of rooms that are ours alone need not be looked at. While something waits, what is known of rooms is of before it. */
  private isRelevant({ roomNid, sender, stateKey, membership, resets }: EventStreamRow): boolean {
    const { serverName } = this.app;
    // Invitations may have been made on behalf of another server's user.
    if (resets || membership === "invite" || (membership !== null && stateKey !== null && hostOf(stateKey) !== serverName)) return true;
    return hostOf(sender) === serverName && (this.relevantTo > this.slots.lowest() || !this.hosts.isKnownEmpty(roomNid));
  }

  private async page(from: number, to: number, positions: ReadonlyMap<number, number>): Promise<void> {
    const { db, serverName, clock, sent } = this.app;
    const [events, moves] = await Promise.all([outgoingEvents(db, serverName, from, to), memberMovesBetween(db, serverName, from, to)]);
    const [hosts, follow, ousted] = await Promise.all([
      this.hosts.load([...new Set(events.map(({ roomNid }) => roomNid))]),
      this.hosts.follow(moves),
      this.oustedBy(events),
    ]);
    const touched = new Set<DestinationQueue>();
    const queuedTs = clock.now();
    for (const item of inOrder(events, moves)) {
      if ("userId" in item) {
        follow(item, hosts);
        continue;
      }
      sent.eventsProcessed.value++;
      const names = this.namesFor(item, hosts.get(item.roomNid), ousted.get(item.nid));
      const queues = names.flatMap((name) =>
        (positions.get(slotOf(name)) ?? Infinity) < item.position ? (this.destinations().queueOf(name) ?? []) : [],
      );
      // one for all, as there may be thousands
      const pdu = { nid: item.nid, position: item.position, queuedTs };
      for (const queue of queues) {
        queue.addPdu(pdu);
        touched.add(queue);
      }
      if (queues.length > 0) sent.pdus.value++;
      sent.pduDestinations.value += queues.length;
    }
    for (const queue of touched) this.destinations().wake(queue);
  }

  /** Whoever was in the room before the event, and the server of a user who is put out: it may have been invited only. */
  private namesFor({ origin }: OutgoingEvent, hosts: ReadonlyMap<string, number> = new Map(), ousted: string | undefined): string[] {
    const names = new Set(hosts.keys());
    if (ousted !== undefined) names.add(ousted);
    if (origin !== null) names.delete(origin);
    names.delete(this.app.serverName);
    return [...names];
  }

  /** By event, the servers of users whose invitations, knocks or memberships our users put an end to. */
  private async oustedBy(events: readonly OutgoingEvent[]): Promise<Map<number, string>> {
    const { serverName, caches } = this.app;
    const ousted = new Map<number, string>();
    const changes = events.filter(({ member, origin }) => member !== null && origin === null && hostOf(member) !== serverName);
    const found = await caches.events.byNids(changes.map(({ nid }) => nid));
    for (const { nid, member } of changes) {
      const event = found.get(nid);
      const membership = event && own(event.content, "membership");
      if (member !== null && (membership === "leave" || membership === "ban")) ousted.set(nid, hostOf(member));
    }
    return ousted;
  }
}

/** Events before the moves that they make. */
function* inOrder(events: readonly OutgoingEvent[], moves: readonly MemberMove[]): Generator<OutgoingEvent | MemberMove> {
  let next = 0;
  for (const event of events) {
    for (let move = moves[next]; move && move.position < event.position; move = moves[++next]) yield move;
    yield event;
  }
  yield* moves.slice(next);
}
