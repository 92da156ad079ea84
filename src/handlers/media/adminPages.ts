import { mediaUse } from "../../storage/mediaLists";
import type { MediaUse, MediaUsePage } from "../../storage/mediaLists";
import { quarantineChangesAfter } from "../../storage/quarantine";
import type { MediaApp } from "./media";
import { nextPage } from "../admin/nextPage";

const CHANGES = 100;

/** What went into quarantine and came out of it, oldest first. */
export async function listChanges({ db }: MediaApp, from: number) {
  const changes = await quarantineChangesAfter(db, from, CHANGES);
  return {
    changes: changes.map(({ origin, mediaId, quarantined }) => ({ origin, media_id: mediaId, quarantined })),
    next_batch: changes.at(-1)?.id ?? from,
  };
}

/** How much each user uploaded, page by page. */
export async function listUse({ db }: MediaApp, page: MediaUsePage): Promise<{ users: MediaUse[]; total: number; next_token?: number }> {
  const { users, total } = await mediaUse(db, page);
  return { users, total, ...nextPage(page, users.length, total, Number) };
}
