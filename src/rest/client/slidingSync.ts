import { invalidParam } from "../../errors";
import { presenceState } from "../../handlers/presence";
import { slidingSync } from "../../handlers/slidingSync/slidingSync";
import { array, boolean, integer, integerText, nullable, object, optional, record, string } from "../../lib/schema";
import type { Infer, Schema } from "../../lib/schema";
import { group, route } from "../route";

const MAX_LISTS = 100;
const MAX_SUBSCRIPTIONS = 1_000;
const MAX_BODY = 1024 * 1024;

const maybe = <T>(inner: Schema<T>) => optional(nullable(inner));

/** Two values in an array: the schema builder knows no tuples, so their types are set right below. */
const pairOf = <T>(item: Schema<T>) => array(item, { minItems: 2, maxItems: 2 }) as unknown as Schema<readonly [T, T]>;

const roomConfig = {
  timeline_limit: integer({ minimum: 0, maximum: 1_000 }),
  required_state: array(pairOf(string()), { maxItems: 500 }),
};

const filters = object({
  is_dm: maybe(boolean()),
  spaces: maybe(array(string(), { maxItems: 500 })),
  is_encrypted: maybe(boolean()),
  is_invite: maybe(boolean()),
  room_types: maybe(array(nullable(string()))),
  not_room_types: maybe(array(nullable(string()))),
  tags: maybe(array(string())),
  not_tags: maybe(array(string())),
});

const list = object({
  ...roomConfig,
  ranges: maybe(array(pairOf(integer({ minimum: 0 })), { maxItems: 100 })),
  filters: maybe(filters),
});

const roomExtension = object({ enabled: maybe(boolean()), lists: maybe(array(string())), rooms: maybe(array(string())) });

const body = object({
  conn_id: maybe(string({ maxLength: 255 })),
  txn_id: maybe(string({ maxLength: 255 })),
  lists: maybe(record(list)),
  room_subscriptions: maybe(record(object(roomConfig))),
  extensions: maybe(
    object({
      to_device: maybe(object({ enabled: maybe(boolean()), since: maybe(string()), limit: maybe(integer({ minimum: 0 })) })),
      e2ee: maybe(object({ enabled: maybe(boolean()) })),
      account_data: maybe(roomExtension),
      receipts: maybe(roomExtension),
      typing: maybe(roomExtension),
    }),
  ),
});

export const slidingSyncRoutes = group("client.sliding_sync", [
  route("POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync", {
    readOnly: true,
    servlet: "SlidingSyncRestServlet",
    auth: "guest",
    query: object({
      pos: optional(string()),
      timeout: optional(integerText({ minimum: 0 })),
      set_presence: optional(string()),
    }),
    body,
    maxBody: MAX_BODY,
    handle: async ({ app, requester, query, body: given, request }) => {
      const setPresence = query.set_presence === undefined ? "online" : presenceState(app, query.set_presence);
      if (setPresence === undefined) throw invalidParam("set_presence must be online, offline or unavailable");
      checkLimits(given);
      return slidingSync(app, requester, {
        connId: given.conn_id ?? "",
        pos: query.pos === "" ? undefined : query.pos,
        txnId: given.txn_id ?? undefined,
        timeout: query.timeout ?? 0,
        setPresence,
        lists: new Map(Object.entries(given.lists ?? {})),
        subscriptions: new Map(Object.entries(given.room_subscriptions ?? {})),
        extensions: given.extensions ?? {},
        signal: request.ending,
      });
    },
  }),
]);

function checkLimits({ lists, room_subscriptions: subscriptions, conn_id: connId }: Infer<typeof body>): void {
  const given = Object.entries(lists ?? {});
  if (connId?.includes("\u0000")) throw invalidParam("conn_id holds an invalid character");
  if (given.length > MAX_LISTS) throw invalidParam(`No more than ${MAX_LISTS} lists are allowed`);
  if (Object.keys(subscriptions ?? {}).length > MAX_SUBSCRIPTIONS)
    throw invalidParam(`No more than ${MAX_SUBSCRIPTIONS} room subscriptions are allowed`);
  for (const [name, { ranges }] of given) {
    if (name.length > 64) throw invalidParam("The name of a list must not exceed 64 characters");
    if (ranges?.some(([first, last]) => first > last)) throw invalidParam(`A range of the list ${name} ends before it starts`);
  }
}
