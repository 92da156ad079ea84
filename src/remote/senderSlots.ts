/** Destinations are spread over so many slots, and the slots over the processes that send. Positions are kept by slot (migration 0011). */
export const SLOTS = 32;

/** What processes stand for that send to other servers; the key is that of a slot. */
export const SENDER_DUTY = "federation_sender";

/** FNV-1a over the name: the same in every version, since positions in the database depend on it. */
export function slotOf(destination: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < destination.length; i++) hash = Math.imul(hash ^ destination.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % SLOTS;
}

export const slotKey = (slot: number): string => String(slot).padStart(2, "0");

/** The name under which the positions of a slot are stored. */
export const consumerName = (slot: number): string => `${SENDER_DUTY}/${slotKey(slot)}`;
