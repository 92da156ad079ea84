import type { JsonObject } from "../../lib/json";
import type { Hit } from "./hits";
import { formatSearchToken } from "./token";
import type { GroupKey } from "./token";

interface Group {
  readonly results: string[];
  readonly order: number;
  last: Hit;
}

/** Ranks are fractions, and an order must be a whole number. */
const RANK_STEPS = 1_000_000;

/** The results by room and by sender, with the ids of their events. Groups with a higher order come first. */
export function groupsOf(hits: readonly Hit[], keys: readonly GroupKey[], order: "rank" | "recent", rest: "more" | "all"): JsonObject {
  return Object.fromEntries(keys.map((key) => [key, groupsBy(hits, key, order, rest)]));
}

function groupsBy(hits: readonly Hit[], key: GroupKey, order: "rank" | "recent", rest: "more" | "all"): JsonObject {
  const groups = new Map<string, Group>();
  for (const found of hits) {
    const { hit, event } = found;
    const value = key === "room_id" ? event.room.roomId : event.sender;
    const group = groups.get(value);
    if (!group) {
      const place = order === "recent" ? hit.originServerTs : Math.round(hit.rank * RANK_STEPS);
      groups.set(value, { results: [event.row.eventId], order: place, last: found });
    } else {
      group.results.push(event.row.eventId);
      group.last = found;
    }
  }
  const json = ([value, { results, order: place, last }]: [string, Group]): [string, JsonObject] => [
    value,
    { results, order: place, ...(rest === "more" && { next_batch: formatSearchToken({ after: last.hit, group: { key, value } }) }) },
  ];
  return Object.fromEntries([...groups].map(json));
}
