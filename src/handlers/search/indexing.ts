import type { EventStreamRow } from "../../storage/events";
import { deleteSearchRows, insertSearchRows } from "../../storage/eventSearch";
import type { StreamRow } from "../../storage/streamIds";
import type { App } from "../app";
import { isSearched, prepareText, searchableText } from "./text";

/** Events that change what a search finds. */
export const concernsSearch = ({ type, redacts }: EventStreamRow): boolean => isSearched(type) || redacts !== null;

/** Adds what was said to the index, and takes out what was redacted. */
export async function indexEvents(app: Pick<App, "db" | "caches" | "turns">, rows: readonly StreamRow<EventStreamRow>[]): Promise<void> {
  const events = await app.caches.events.byNids(rows.flatMap(({ row }) => (isSearched(row.type) ? [row.nid] : [])));
  const texts = await app.turns.map([...events.values()], (event) => {
    const said = searchableText(event);
    const { nid, roomNid, streamOrdering, originServerTs } = event.row;
    return said ? [{ nid, roomNid, key: said.key, streamOrdering: streamOrdering ?? 0, originServerTs, text: prepareText(said.text) }] : [];
  });
  const found = texts.flat();
  if (found.length > 0) await insertSearchRows(app.db, found);
  const redacted = rows.flatMap(({ row }) => row.redacts ?? []);
  if (redacted.length > 0) await deleteSearchRows(app.db, redacted);
}
