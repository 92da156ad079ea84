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

export function createWordIndex<T>(): WordIndex<T> {
  const byKey = new Map<string, Set<T>>();
  let symbols = 0;

  function collect(key: string, into: Set<T>): void {
    const found = byKey.get(key);
    if (found) for (const value of found) into.add(value);
  }

  function put(key: string, value: T): string {
    if (key === "") return key;
    const values = byKey.get(key);
    if (values) values.add(value);
    else byKey.set(key, new Set([value]));
    if (!values && !isWordUnit(key.charCodeAt(0))) symbols++;
    return key;
  }

  /** Any word of the text would do; the one that fewest others are found by keeps Dr Smith apart from Dr Jones. */
  function rarest(words: string): string {
    let best = startOf(words);
    for (const [word] of words.matchAll(WORDS)) if ((byKey.get(word)?.size ?? 0) < (byKey.get(best)?.size ?? 0)) best = word;
    return best;
  }

  return {
    add: (words, value) => put(rarest(words), value),
    addStart: (start, value) => put(startOf(start), value),
    remove(key, value) {
      const values = byKey.get(key);
      if (!values?.delete(value) || values.size > 0) return;
      byKey.delete(key);
      if (!isWordUnit(key.charCodeAt(0))) symbols--;
    },
    find(text) {
      const found = new Set<T>();
      if (byKey.size === 0) return found;
      for (const [word] of text.matchAll(WORDS)) collect(word, found);
      for (let at = 0; symbols > 0 && at < text.length; at++) {
        if (isWordUnit(text.charCodeAt(at))) continue;
        collect(text.slice(at, at + 1), found);
        if (at + 1 < text.length) collect(text.slice(at, at + 2), found);
      }
      return found;
    },
  };
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
