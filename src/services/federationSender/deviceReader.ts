import { hostOf } from "../../caches/memberships";
import { SENDER_DUTY, consumerName, slotKey, slotOf } from "../../remote/senderSlots";
import { deviceListChangesBetween } from "../../storage/deviceListChanges";
import type { DeviceListChange } from "../../storage/deviceListChanges";
import { queueDeviceChanges } from "../../storage/deviceListOutbox";
import type { WaitingDevice } from "../../storage/deviceListOutbox";
import { saveConsumerPositions } from "../../storage/streamConsumers";
import { deviceListsStream } from "../../streams/deviceLists";
import type { Destinations } from "./destinations";
import type { CountingApp } from "./senderApp";
import { SlotPositions } from "./slotPositions";

const PAGE = 200;

/** Reads which devices of ours changed, and puts it for the servers that share rooms with their users into the database. */
export class DeviceReader {
  readonly slots = new SlotPositions();
  private readonly unsubscribe: () => void;
  private head: number;

  constructor(
    private readonly app: CountingApp,
    private readonly destinations: () => Destinations,
    onNews: () => void,
  ) {
    this.head = app.streams.position(deviceListsStream);
    this.unsubscribe = app.streams.subscribe(deviceListsStream, (_, position) => {
      this.head = position;
      onNews();
    });
  }

  stop(): void {
    this.unsubscribe();
  }

  /** Reads a page. Gives whether there may be more. */
  async read(): Promise<boolean> {
    const covered = this.slots.current();
    if (covered.size === 0 || covered.position >= this.head) return false;
    const { db, caches, ownership } = this.app;
    const to = Math.min(this.head, covered.position + PAGE);
    const rows = (await deviceListChangesBetween(db, covered.position, to)).filter(({ row }) => this.isForOthers(row));
    const hosts = await hostsOfUsers(caches, [...new Set(rows.map(({ row }) => row.userId))]);
    const changes: WaitingDevice[] = [];
    for (const { id, row } of rows) {
      for (const destination of hosts.get(row.userId) ?? []) {
        if ((covered.positions.get(slotOf(destination)) ?? Infinity) >= id) continue;
        if (this.destinations().queueOf(destination)) {
          changes.push({ destination, streamId: id, userId: row.userId, deviceId: row.what === "device" ? row.deviceId : "" });
        }
      }
    }
    const ours = [...covered.positions.keys()].filter((slot) => ownership.isMine(SENDER_DUTY, slotKey(slot)));
    await db.tx(async (tx) => {
      await queueDeviceChanges(tx, changes);
      await saveConsumerPositions(
        tx,
        ours.map((slot) => ({ name: consumerName(slot), stream: deviceListsStream.name, position: to })),
      );
    });
    covered.moveTo(to);
    for (const name of new Set(changes.map(({ destination }) => destination))) {
      const queue = this.destinations().queueOf(name);
      if (!queue) continue;
      queue.deviceLists = true;
      this.destinations().wake(queue);
    }
    return true;
  }

  /** Their own users are for other servers to tell of; how many one-time keys are left concerns nobody else. */
  private isForOthers({ userId, what, audience }: DeviceListChange): boolean {
    return audience === null && what !== "counts" && hostOf(userId) === this.app.serverName;
  }
}

/** The hosts, our own among them, of the rooms that users are in. */
export async function hostsOfUsers(caches: CountingApp["caches"], userIds: readonly string[]): Promise<Map<string, Set<string>>> {
  const places = await caches.memberships.ofUsers(userIds);
  const joined = new Map(
    Array.from(places, ([userId, rooms]) => [userId, [...rooms.values()].filter(({ membership }) => membership === "join")] as const),
  );
  const nids = new Set([...joined.values()].flat().map(({ roomNid }) => roomNid));
  const rooms = await caches.memberships.ofRooms([...nids]);
  const out = new Map<string, Set<string>>();
  for (const [userId, own] of joined) {
    const hosts = new Set<string>();
    for (const { roomNid } of own) for (const host of rooms.get(roomNid)?.hosts.keys() ?? []) hosts.add(host);
    out.set(userId, hosts);
  }
  return out;
}
