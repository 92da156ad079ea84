import { invalidParam } from "../../errors";
import type { SearchHit } from "../../storage/eventSearch";

export type GroupKey = "room_id" | "sender";

/** Where a page of results ended, and the group whose next page is wanted; undefined: of all. */
export interface SearchToken {
  readonly after: SearchHit;
  readonly group: { readonly key: GroupKey; readonly value: string } | undefined;
}

export const formatSearchToken = ({ after, group }: SearchToken): string =>
  Buffer.from(JSON.stringify([after.nid, after.rank, after.originServerTs, group?.key, group?.value])).toString("base64url");

export function parseSearchToken(text: string): SearchToken {
  try {
    const [nid, rank, originServerTs, key, value] = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown[];
    if (Number.isSafeInteger(nid) && Number.isFinite(rank) && Number.isSafeInteger(originServerTs)) {
      const after = { nid, rank, originServerTs } as SearchHit;
      if (key === null) return { after, group: undefined };
      if ((key === "room_id" || key === "sender") && typeof value === "string") return { after, group: { key, value } };
    }
  } catch {
    // Falls through: whatever it was, it is no token of ours.
  }
  throw invalidParam("Invalid batch");
}
