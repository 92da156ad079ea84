import type { App } from "../app";
import { markWords } from "../../storage/eventSearch";
import { prepareText, searchableText } from "./text";
import type { Hit } from "./hits";

/** Characters for private use, which no word contains. */
const MARKS = ["\ue000", "\ue001"] as const;
const MARKED = /\ue000([^\ue001]*)\ue001/g;
/** Results whose words are looked for, and characters of each: the words of others are the same, mostly. */
const MAX_RESULTS = 50;
const MAX_TEXT = 2_000;
const MAX_WORDS = 100;

/** The words that made the results fit, as they are written there (stemming finds more than the term says). In lower case. */
export async function highlightsOf(app: Pick<App, "db">, query: string, hits: readonly Hit[]): Promise<string[]> {
  const texts = hits.slice(0, MAX_RESULTS).flatMap(({ event }) => searchableText(event)?.text ?? []);
  if (texts.length === 0) return [];
  const prepared = texts.map((text) => prepareText(text.slice(0, MAX_TEXT)).replace(/[\ue000\ue001]/g, " "));
  const marked = await markWords(app.db, query, prepared, MARKS);
  const words = new Set(marked.flatMap((text) => [...text.matchAll(MARKED)].flatMap(([, word]) => word ?? [])));
  return [...words].slice(0, MAX_WORDS);
}
