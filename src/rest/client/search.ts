import { searchRoomEvents } from "../../handlers/search/search";
import { anyObject, array, boolean, integer, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const criteria = object({
  search_term: string(),
  keys: optional(array(oneOf("content.body", "content.name", "content.topic"))),
  filter: optional(anyObject()),
  order_by: optional(oneOf("recent", "rank")),
  event_context: optional(
    object({ before_limit: optional(integer()), after_limit: optional(integer()), include_profile: optional(boolean()) }),
  ),
  include_state: optional(boolean()),
  groupings: optional(object({ group_by: optional(array(object({ key: oneOf("room_id", "sender") }), { maxItems: 2 })) })),
});

/** Events on either side of a result unless the client says how many. */
const DEFAULT_REACH = 5;

export const searchRoutes = group("client.search", [
  route("POST /_matrix/client/v3/search", {
    readOnly: true,
    servlet: "SearchRestServlet",
    aliases: ["r0", "api/v1", "unstable"],
    auth: "user",
    query: object({ next_batch: optional(string()) }),
    body: object({ search_categories: object({ room_events: optional(criteria) }) }),
    handle: async ({ app, requester, query, body }) => {
      const { room_events: wanted } = body.search_categories;
      if (!wanted) return { search_categories: {} };
      const context = wanted.event_context;
      const found = await searchRoomEvents(app, requester, {
        term: wanted.search_term,
        keys: wanted.keys,
        filter: wanted.filter,
        order: wanted.order_by ?? "rank",
        context: context && {
          before: context.before_limit ?? DEFAULT_REACH,
          after: context.after_limit ?? DEFAULT_REACH,
          profiles: context.include_profile ?? false,
        },
        includeState: wanted.include_state ?? false,
        groupBy: (wanted.groupings?.group_by ?? []).map(({ key }) => key),
        nextBatch: query.next_batch,
      });
      return { search_categories: { room_events: found } };
    },
  }),
]);
