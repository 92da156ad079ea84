import { isWordUnit } from "./glob";

/**
 * Finds the few values whose words may stand in a text, without trying each: names of members, keywords of content rules.
 * What it finds are candidates; whoever asks checks them.
 */
export interface WordIndex<T> {
  /** words: lower-case literal text that stands between word boundaries wherever it matches. Gives false if it cannot be indexed. */
  add(words: string, value: T): boolean;
  remove(words: string, value: T): void;
  /** Values whose first word, or first two characters, occur in the lower-case text. */
  find(text: string): Set<T>;
}

const WORDS = /[a-z0-9_]+/g;

/** Text that starts with a word is found by that whole word; other text, where every place is a boundary, by its first two units. */
function keyOf(words: string): string {
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

  return {
    add(words, value) {
      const key = keyOf(words);
      if (key === "") return false;
      const values = byKey.get(key);
      if (values) values.add(value);
      else byKey.set(key, new Set([value]));
      if (!values && !isWordUnit(key.charCodeAt(0))) symbols++;
      return true;
    },
    remove(words, value) {
      const key = keyOf(words);
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
  const key = keyOf(start);
  const complete = isWordUnit(start.charCodeAt(0)) ? key.length < start.length : start.length >= 2;
  return complete ? start : undefined;
}
