import type { StoredEvent } from "../../caches/events";
import { own } from "../../lib/json";
import type { SearchKey } from "../../storage/eventSearch";

/** Made when there is a text for it: that takes 10 ms. */
let segmenter: Intl.Segmenter | undefined;

/** Events that can be found, and what of them. */
const searched: ReadonlyMap<string, { readonly key: SearchKey; readonly field: string }> = new Map([
  ["m.room.message", { key: "content.body", field: "body" }],
  ["m.room.name", { key: "content.name", field: "name" }],
  ["m.room.topic", { key: "content.topic", field: "topic" }],
]);

export const isSearched = (type: string): boolean => searched.has(type);
export const searchKeys: readonly SearchKey[] = [...searched.values()].map(({ key }) => key);

/** Characters of a text that are looked at: enough for any message that people read. */
const MAX_TEXT = 16_384;

/** The text of an event that can be searched for, as it was written. Undefined where it has none, or was redacted. */
export function searchableText(event: StoredEvent): { readonly key: SearchKey; readonly text: string } | undefined {
  const place = searched.get(event.type);
  const text = place && event.row.redactedBy === null ? own(event.shown.content, place.field) : undefined;
  return place && typeof text === "string" && text.trim() !== "" ? { key: place.key, text } : undefined;
}

/** Runs of letters and of whatever ASCII does not have. */
const RUN = /(?:[\p{L}\p{N}\p{M}]|[^\x00-\x7f])+/gu;
const NOT_ASCII = /[^\x00-\x7f]/;

/**
 * Makes words of a text findable for PostgreSQL, whose databases know letters of ASCII alone: lower case, and spaces between the words of
 * other scripts. Everything in ASCII stays, so that the syntax of queries does.
 */
export function prepareText(text: string): string {
  const folded = text.slice(0, MAX_TEXT).replaceAll("\0", " ").normalize("NFKC").toLowerCase();
  return NOT_ASCII.test(folded) ? folded.replace(RUN, (run) => (NOT_ASCII.test(run) ? ` ${wordsIn(run)} ` : run)) : folded;
}

/** Words of several scripts are looked for by their parts, too. */
const ONE_SCRIPT = /\p{scx=Han}+|\p{scx=Katakana}+|\p{scx=Hiragana}+|[^\p{scx=Han}\p{scx=Katakana}\p{scx=Hiragana}]+/gu;

function wordsIn(run: string): string {
  const words: string[] = [];
  segmenter ??= new Intl.Segmenter("und", { granularity: "word" });
  for (const { segment, isWordLike } of segmenter.segment(run)) if (isWordLike) words.push(...(segment.match(ONE_SCRIPT) ?? []));
  return words.join(" ");
}
