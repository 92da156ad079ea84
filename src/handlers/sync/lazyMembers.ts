import { LRUCache } from "lru-cache";
import type { Clock } from "../../lib/clock";
import type { Requester } from "../requester";

/** Tells the devices of all users apart. */
export const lazyDeviceOf = ({ userId, deviceId = "" }: Pick<Requester, "userId" | "deviceId">): string => `${userId}\u0000${deviceId}`;

export interface LazyReader {
  readonly device: string;
  /** The token with which the client came. */
  readonly since: string | undefined;
}

/**
 * Which member events a device has been sent already, so that lazy loading does not repeat them (client-server API, "Lazy-loading room
 * members"). Forgetting is harmless: the member is sent once more.
 */
export interface LazyMembers {
  /**
   * Those of the members that the device lacks; they count as sent from now on, but for a client that asks again with the same token:
   * it did not get the answer.
   */
  unsent(reader: LazyReader, roomId: string, members: Iterable<string>): string[];
  /** Whether `unsent` would give none of them. */
  hasAll(reader: LazyReader, roomId: string, members: readonly string[]): boolean;
  /** The device starts anew with this room. */
  reset(device: string, roomId: string): void;
}

const TTL_MS = 30 * 60_000;
const MAX_ROOMS = 10_000;
const MAX_MEMBERS = 100;

export function createLazyMembers(clock: Clock): LazyMembers {
  // Member -> the token that the client had when the member was sent.
  const sent = new LRUCache<string, Map<string, string | undefined>>({
    max: MAX_ROOMS,
    ttl: TTL_MS,
    updateAgeOnGet: true,
    perf: { now: () => clock.monotonic() },
  });
  const keyOf = (device: string, roomId: string): string => `${device}\u0000${roomId}`;
  const lacks = (known: ReadonlyMap<string, string | undefined>, member: string, since: string | undefined): boolean =>
    !known.has(member) || known.get(member) === since;
  return {
    hasAll({ device, since }, roomId, members) {
      const known = sent.get(keyOf(device, roomId)) ?? new Map<string, string | undefined>();
      return !members.some((member) => lacks(known, member, since));
    },
    unsent({ device, since }, roomId, members) {
      const key = keyOf(device, roomId);
      let known = sent.get(key);
      if (!known) sent.set(key, (known = new Map()));
      const missing = [...members].filter((member) => lacks(known, member, since));
      for (const member of missing) known.set(member, since);
      for (const oldest of known.keys()) {
        if (known.size <= MAX_MEMBERS) break;
        known.delete(oldest);
      }
      return missing;
    },
    reset: (device, roomId) => void sent.delete(keyOf(device, roomId)),
  };
}
