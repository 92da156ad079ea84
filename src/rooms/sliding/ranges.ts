/** First and last index of a window on a sorted list, both included. */
export type Range = readonly [first: number, last: number];

/** The items in any of the windows, each once and in order; all items without windows. Ranges may overlap and reach past the end. */
export function itemsInRanges<T>(items: readonly T[], ranges: readonly Range[] | undefined): readonly T[] {
  if (!ranges) return items;
  const sorted = ranges.filter(([first, last]) => first <= last).sort(([a], [b]) => a - b);
  const out: T[] = [];
  let next = 0;
  for (const [first, last] of sorted) {
    for (let i = Math.max(first, next); i <= last && i < items.length; i++) out.push(items[i] as T);
    next = Math.max(next, last + 1);
  }
  return out;
}
