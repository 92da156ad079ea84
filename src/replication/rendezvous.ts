import { createHash } from "node:crypto";

/**
 * Which of the names stands for key: each process comes to the same answer, whatever the order of names, and when a name is
 * added or removed only the keys of that name move. undefined when there are no names.
 */
export function rendezvous(names: readonly string[], key: string): string | undefined {
  if (names.length < 2) return names[0];
  let best: string | undefined;
  let bestWeight = -1;
  for (const name of names) {
    const weight = createHash("sha1").update(name).update("\0").update(key).digest().readUIntBE(0, 6);
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && name < best)) {
      best = name;
      bestWeight = weight;
    }
  }
  return best;
}
