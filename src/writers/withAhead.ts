import type { StoredEvent } from "../caches/events";
import type { StateGroup } from "../caches/stateGroups";

/** Loads what is not about to be stored. */
export async function withAhead<K, V extends StoredEvent | StateGroup>(
  keys: readonly K[],
  ahead: ReadonlyMap<K, V>,
  load: (keys: readonly K[]) => Promise<Map<K, V>>,
): Promise<Map<K, V>> {
  // Taken now: what is stored while the others are loaded is no longer ahead, and was not loaded either.
  const found = new Map<K, V>();
  if (ahead.size > 0) {
    for (const key of keys) {
      const value = ahead.get(key);
      if (value) found.set(key, value);
    }
  }
  if (found.size === 0) return load(keys);
  const others = keys.filter((key) => !found.has(key));
  if (others.length === 0) return found;
  const loaded = await load(others);
  for (const [key, value] of found) loaded.set(key, value);
  return loaded;
}
