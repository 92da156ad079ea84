import { deleteSearchRows } from "../../storage/eventSearch";
import { deleteOverwritten, expiredEvents, overwriteEvents, redactedTexts } from "../../storage/overwriting";
import { AGGREGATIONS_OF_EVENT, STORED_EVENT } from "../../streams/caches";
import { changeRemembered } from "../../writers/cacheChanges";
import { relationOf } from "../../writers/eventFacts";
import type { App } from "../app";
import { redactedPduText } from "../federation/pduText";

type OverwritingApp = Pick<App, "caches" | "clock" | "config" | "db" | "streams">;

/** Events of one transaction. */
const BATCH = 100;

/** Overwrites what was redacted `redaction_retention_period` ago. */
export async function overwriteRedacted(app: OverwritingApp): Promise<void> {
  const kept = app.config.redaction_retention_period;
  if (kept !== null) await inBatches(app, () => redactedTexts(app.db, app.clock.now() - kept, BATCH));
}

/** Ends messages whose time is over (MSC2228): from then on they are as if redacted, and nothing of them is kept. */
export async function endExpired(app: OverwritingApp): Promise<void> {
  await inBatches(app, () => expiredEvents(app.db, app.clock.now(), BATCH));
}

async function inBatches(app: OverwritingApp, find: () => Promise<readonly number[]>): Promise<void> {
  let nids: readonly number[];
  do {
    nids = await find();
    if (nids.length > 0) await overwrite(app, nids);
  } while (nids.length === BATCH);
}

/** Leaves of events what redaction leaves, and has every process forget what it holds of them. Signatures and ids stay good. */
async function overwrite(app: OverwritingApp, nids: readonly number[]): Promise<void> {
  const events = [...(await app.caches.events.byNids(nids)).values()];
  const eventIds = events.map(({ row }) => row.eventId);
  const remembered = events.flatMap((event) => {
    const related = event.row.redactedBy === null ? relationOf(event.event)?.relatesTo : undefined;
    return [
      { cache: STORED_EVENT, key: event.row.eventId },
      ...(related === undefined ? [] : [{ cache: AGGREGATIONS_OF_EVENT, key: related }]),
    ];
  });
  await changeRemembered(app, async (tx) => {
    await Promise.all([
      overwriteEvents(
        tx,
        events.map((event) => ({ nid: event.row.nid, json: redactedPduText(event).text })),
      ),
      deleteSearchRows(tx, eventIds),
      deleteOverwritten(tx, nids),
    ]);
    return { value: undefined, remembered };
  });
}
