import { LRUCache } from "lru-cache";

/**
 * A map of at most `max` entries that forgets what was used longest ago. Its memory grows with what is in it: LRUCache given a number of
 * entries allocates room for all of them at once, which for the caches of an idle process together came to 15 MB.
 */
export function createLru<K extends string | number, V extends object | number | boolean>(
  max: number,
  dispose?: (value: V, key: K, reason: string) => void,
): LRUCache<K, V> {
  return new LRUCache<K, V>({ maxSize: max, sizeCalculation: one, ...(dispose && { dispose }) });
}

const one = (): number => 1;
