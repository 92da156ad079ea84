import type { App } from "../../handlers/app";
import type { HttpRequest } from "../../handlers/request";
import type { Requester } from "../../handlers/requester";
import { listRelations, listThreads } from "../../handlers/rooms/relations";
import type { RelationsPage } from "../../handlers/rooms/relations";
import { booleanText, integerText, object, oneOf, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import { group, route } from "../route";

const DEFAULT_LIMIT = 5;

const query = object({
  from: optional(string()),
  to: optional(string()),
  dir: optional(oneOf("b", "f")),
  limit: optional(integerText({ minimum: 1 })),
  recurse: optional(booleanText()),
  // MSC3981
  "org.matrix.msc3981.recurse": optional(booleanText()),
});

interface Wanted {
  readonly roomId: string;
  readonly eventId: string;
  readonly relType?: string;
  readonly eventType?: string;
}

interface Context {
  readonly app: App;
  readonly requester: Requester;
  readonly query: Infer<typeof query>;
  readonly request: HttpRequest;
}

function relations({ app, requester, query: asked, request }: Context, wanted: Wanted): Promise<RelationsPage> {
  return listRelations(app, requester, {
    ...wanted,
    from: asked.from,
    to: asked.to,
    direction: asked.dir ?? "b",
    limit: asked.limit ?? DEFAULT_LIMIT,
    recurse: (asked.recurse ?? asked["org.matrix.msc3981.recurse"]) ? "recurse" : "direct",
    original: request.path.startsWith("/_matrix/client/unstable/") ? "withOriginal" : "withoutOriginal",
  });
}

const common = { servlet: "RelationPaginationServlet", aliases: ["unstable"], auth: "user", query } as const;

export const relationRoutes = group("client.relations", [
  route("GET /_matrix/client/v1/rooms/:roomId/relations/:eventId", { ...common, handle: (context) => relations(context, context.params) }),
  route("GET /_matrix/client/v1/rooms/:roomId/relations/:eventId/:relType", {
    ...common,
    handle: (context) => relations(context, context.params),
  }),
  route("GET /_matrix/client/v1/rooms/:roomId/relations/:eventId/:relType/:eventType", {
    ...common,
    handle: (context) => relations(context, context.params),
  }),
  route("GET /_matrix/client/v1/rooms/:roomId/threads", {
    servlet: "ThreadsServlet",
    auth: "user",
    query: object({
      include: optional(oneOf("all", "participated")),
      limit: optional(integerText({ minimum: 1 })),
      from: optional(string()),
    }),
    handle: ({ app, requester, params, query: asked }) =>
      listThreads(app, requester, {
        roomId: params.roomId,
        include: asked.include ?? "all",
        limit: asked.limit ?? DEFAULT_LIMIT,
        from: asked.from,
      }),
  }),
]);
