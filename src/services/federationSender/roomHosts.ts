import { createCache } from "../../caches/cache";
import type { Cache, CacheStats } from "../../caches/cache";
import type { EventReader } from "../../caches/events";
import { hostOf } from "../../caches/memberships";
import { own } from "../../lib/json";
import type { Db } from "../../storage/db";
import { hostsOfRooms } from "../../storage/outgoingEvents";
import type { MemberMove } from "../../storage/outgoingEvents";

/** Joined users of other servers by host. */
type Hosts = Map<string, number>;

/** So many moves of one room are the whole of its state coming in: then it is as it is now. */
const MAX_MOVES = 500;
const ENTRY_SIZE = 5;

export interface Joined {
  /** By how much a move changes the number of joined users of its host. */
  stepOf(move: MemberMove): number;
}

/** Reads which of the events behind moves are joins. */
export async function joinedOf(events: Pick<EventReader, "byNids">, moves: readonly MemberMove[]): Promise<Joined> {
  const nids = new Set(moves.flatMap(({ prevNid, nid }) => [prevNid, nid].filter((one) => one !== null)));
  const found = nids.size === 0 ? new Map<number, never>() : await events.byNids([...nids]);
  const isJoin = (nid: number | null): 0 | 1 => {
    const event = nid === null ? undefined : found.get(nid);
    return event && own(event.content, "membership") === "join" ? 1 : 0;
  };
  return { stepOf: ({ prevNid, nid }) => isJoin(nid) - isJoin(prevNid) };
}

function step(hosts: Hosts, host: string, by: number): void {
  const count = (hosts.get(host) ?? 0) + by;
  if (count > 0) hosts.set(host, count);
  else hosts.delete(host);
}

/** The other servers in rooms, as of the position up to which the sender has read the events stream. */
export class RoomHosts {
  private readonly rooms: Cache<number, Hosts>;
  private position = 0;

  constructor(
    private readonly deps: { readonly db: Db; readonly serverName: string; readonly events: Pick<EventReader, "byNids"> },
    max: number,
  ) {
    this.rooms = createCache<number, Hosts>({
      name: "federation_sender_hosts",
      max,
      sizeOf: (hosts) => ENTRY_SIZE + hosts.size,
      load: (nids) => this.read(nids),
    });
  }

  get stats(): CacheStats {
    return this.rooms.stats;
  }

  /** Whether the room is known to have nobody of another server. */
  isKnownEmpty(roomNid: number): boolean {
    return this.rooms.get(roomNid)?.size === 0;
  }

  /** Forgets a room whose members changed in another way than by events. */
  forget(roomNid: number): void {
    this.rooms.delete(roomNid);
  }

  /** Goes to a position; back as well as forth, if everything between has been applied. */
  moveTo(position: number): void {
    if (position < this.position) this.rooms.clear();
    this.position = position;
  }

  /** The hosts of rooms at the position. */
  load(roomNids: readonly number[]): Promise<Map<number, Hosts>> {
    return this.rooms.loadMany(roomNids);
  }

  /** Tells how to apply moves, in order. Rooms in which very much moves at once are forgotten. */
  async follow(moves: readonly MemberMove[]): Promise<(move: MemberMove, loaded: ReadonlyMap<number, Hosts>) => void> {
    const counts = new Map<number, number>();
    for (const { roomNid } of moves) counts.set(roomNid, (counts.get(roomNid) ?? 0) + 1);
    const isCalm = ({ roomNid }: MemberMove): boolean => (counts.get(roomNid) ?? 0) <= MAX_MOVES;
    const joined = await joinedOf(this.deps.events, moves.filter(isCalm));
    return (move, loaded) => {
      const { roomNid, userId } = move;
      if (!isCalm(move)) return this.rooms.delete(roomNid);
      const known = this.rooms.get(roomNid);
      const hosts = loaded.get(roomNid) ?? known;
      if (hosts) step(hosts, hostOf(userId), joined.stepOf(move));
      if (known) this.rooms.resized(roomNid);
    };
  }

  private async read(roomNids: readonly number[]): Promise<[number, Hosts][]> {
    const rows = await hostsOfRooms(this.deps.db, this.deps.serverName, roomNids, this.position);
    const joined = await joinedOf(
      this.deps.events,
      rows.flatMap(({ moves }) => (moves.length > MAX_MOVES ? [] : moves)),
    );
    return rows.map(({ roomNid, hosts: now, moves }) => {
      const hosts: Hosts = new Map(Object.entries(now));
      if (moves.length <= MAX_MOVES) for (const move of moves) step(hosts, hostOf(move.userId), -joined.stepOf(move));
      return [roomNid, hosts];
    });
  }
}
