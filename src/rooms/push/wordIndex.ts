import { isWordUnit } from "./glob";

/**
 * Finds the few values whose words may stand in a text, without trying each: names of members, keywords of content rules.
 * What it finds are candidates; whoever asks checks them.
 */
export interface WordIndex<T> {
  /**
   * words: lower-case literal text that stands between word boundaries wherever it matches. Gives the key to remove it by, ""
   * if there is nothing to find it by.
   */
  add(words: string, value: T): string;
  /** For text that only the beginning of a match has to be: see indexableStart. */
  addStart(start: string, value: T): string;
  remove(key: string, value: T): void;
  /** Values whose key occurs in the lower-case text. */
  find(text: string): Set<T>;
}

const WORDS = /[a-z0-9_]+/g;

/** Text that starts with a word is found by that whole word; other text, where every place is a boundary, by its first two units. */
function startOf(words: string): string {
  if (words === "") return "";
  if (!isWordUnit(words.charCodeAt(0))) return words.slice(0, 2);
  let end = 1;
  while (end < words.length && isWordUnit(words.charCodeAt(end))) end++;
  return words.slice(0, end);
}

export function createWordIndex<T extends string>(): WordIndex<T> {
  return new WordMap<T>();
}

/** There is one for each room in memory, and most words stand for one value: a set of its own for each would be most of its size. */
class WordMap<T extends string> implements WordIndex<T> {
  private readonly byKey = new Map<string, T | Set<T>>();
  private symbols = 0;

  add(words: string, value: T): string {
    return this.put(this.rarest(words), value);
  }

  addStart(start: string, value: T): string {
    return this.put(startOf(start), value);
  }

  remove(key: string, value: T): void {
    const values = this.byKey.get(key);
    if (typeof values === "object" ? !values.delete(value) || values.size > 0 : values !== value) return;
    this.byKey.delete(key);
    if (!isWordUnit(key.charCodeAt(0))) this.symbols--;
  }

  find(text: string): Set<T> {
    const found = new Set<T>();
    if (this.byKey.size === 0) return found;
    for (const [word] of text.matchAll(WORDS)) this.collect(word, found);
    for (let at = 0; this.symbols > 0 && at < text.length; at++) {
      if (isWordUnit(text.charCodeAt(at))) continue;
      this.collect(text.slice(at, at + 1), found);
      if (at + 1 < text.length) this.collect(text.slice(at, at + 2), found);
    }
    return found;
  }

  private collect(key: string, into: Set<T>): void {
    const found = this.byKey.get(key);
    if (typeof found === "object") for (const value of found) into.add(value);
    else if (found !== undefined) into.add(found);
  }

  private put(key: string, value: T): string {
    if (key === "") return key;
    const values = this.byKey.get(key);
    if (typeof values === "object") values.add(value);
    else if (values === undefined) this.byKey.set(key, value);
    else if (values !== value) this.byKey.set(key, new Set([values, value]));
    if (values === undefined && !isWordUnit(key.charCodeAt(0))) this.symbols++;
    return key;
  }

  /** Any word of the text would do; the one that fewest others are found by keeps Dr Smith apart from Dr Jones. */
  private rarest(words: string): string {
    let best = startOf(words);
    for (const [word] of words.matchAll(WORDS)) if (this.count(word) < this.count(best)) best = word;
    return best;
  }

  private count(key: string): number {
    const values = this.byKey.get(key);
    return typeof values === "object" ? values.size : Number(values !== undefined);
  }
}

/**
 * The literal text that a pattern of a content rule must begin with in order to be indexed: undefined where a wildcard comes
 * before the first word is complete.
 */
export function indexableStart(pattern: string): string | undefined {
  const wildcard = pattern.search(/[*?]/);
  if (wildcard < 0) return pattern.toLowerCase() || undefined;
  const start = pattern.slice(0, wildcard).toLowerCase();
  const key = startOf(start);
  const complete = isWordUnit(start.charCodeAt(0)) ? key.length < start.length : start.length >= 2;
  return complete ? start : undefined;
}
