import { domainOf, localpartOf } from "../../rooms/ids";

const segmenter = new Intl.Segmenter("und", { granularity: "word" });

/** Characters of a text that are looked at, words of it that count, and bytes of a word that PostgreSQL takes with ease. */
const MAX_TEXT = 1_000;
const MAX_WORDS = 50;
const MAX_WORD_BYTES = 200;

/** How texts are compared: in lower case, and with variants of a letter (full width, ligatures) as one. */
export const fold = (text: string): string => text.slice(0, MAX_TEXT).normalize("NFKC").toLowerCase();

/** The words of a folded text by the rules of Unicode, which find them in scripts without spaces, too. Ids and "O'Neill" are split further. */
export function wordsOf(folded: string): string[] {
  const words = new Set<string>();
  for (const { segment, isWordLike } of segmenter.segment(folded)) {
    if (!isWordLike) continue;
    for (const word of segment.split(/[._:'’-]+/)) {
      if (words.size >= MAX_WORDS) break;
      if (word !== "" && Buffer.byteLength(word) <= MAX_WORD_BYTES) words.add(word);
    }
  }
  return [...words];
}

const quoted = (word: string): string => `'${word.replace(/['\\]/g, "$&$&")}'`;

/** A tsvector: words of the name and the localpart weigh most, those of the server name least. */
export function directoryVector(userId: string, foldedName: string): string {
  const localpart = fold(localpartOf(userId));
  const weighed: readonly (readonly [string, "A" | "B"])[] = [
    ...[...wordsOf(foldedName), ...wordsOf(localpart)].map((word) => [word, "A"] as const),
    ...wordsOf(fold(domainOf(userId) ?? "")).map((word) => [word, "B"] as const),
  ];
  return weighed.map(([word, weight], i) => `${quoted(word)}:${i + 1}${weight}`).join(" ");
}

/** tsqueries for texts with all the words, whole or as beginnings. Undefined where there is no word in it. */
export function directoryQueries(folded: string): { exact: string; begun: string } | undefined {
  // An id is looked for without its sigil; who writes one of several pieces wants them all.
  const words = wordsOf(folded.replace(/^@/, ""));
  if (words.length === 0) return undefined;
  return { exact: words.map(quoted).join(" & "), begun: words.map((word) => `${quoted(word)}:*`).join(" & ") };
}
