import { notarise, ownKeyDocument } from "../../handlers/federation/publishedKeys";
import { integer, integerText, object, optional, record } from "../../lib/schema";
import { group, route } from "../route";

export const serverKeyRoutes = group("keys.server", [
  route("GET /_matrix/key/v2/server/?", {
    servlet: "LocalKey",
    auth: "none",
    handle: ({ app }) => ownKeyDocument(app),
  }),
  // Servers of old days ask for one key. They get all.
  route("GET /_matrix/key/v2/server/:keyId", {
    servlet: "LocalKey",
    auth: "none",
    handle: ({ app }) => ownKeyDocument(app),
  }),
]);

const validUntil = object({ minimum_valid_until_ts: optional(integerText()) });

export const notaryRoutes = group("keys.query", [
  route("GET /_matrix/key/v2/query/:serverName/?", {
    servlet: "RemoteKey",
    auth: "none",
    query: validUntil,
    handle: ({ app, params }) => notarise(app, new Map([[params.serverName, new Map<string, number>()]])),
  }),
  route("GET /_matrix/key/v2/query/:serverName/:keyId", {
    servlet: "RemoteKey",
    auth: "none",
    query: validUntil,
    handle: ({ app, params, query }) =>
      notarise(app, new Map([[params.serverName, new Map([[params.keyId, query.minimum_valid_until_ts ?? 0]])]])),
  }),
  route("POST /_matrix/key/v2/query", {
    servlet: "RemoteKey",
    auth: "none",
    body: object({ server_keys: record(record(object({ minimum_valid_until_ts: optional(integer()) }))) }),
    handle: ({ app, body }) => {
      const keysOf = (wanted: (typeof body.server_keys)[string]) =>
        new Map(Object.entries(wanted).map(([keyId, { minimum_valid_until_ts: until = 0 }]) => [keyId, until]));
      return notarise(app, new Map(Object.entries(body.server_keys).map(([server, wanted]) => [server, keysOf(wanted)])));
    },
  }),
]);
