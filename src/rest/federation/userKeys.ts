import { readKeysWanted } from "../../handlers/keys/parse";
import { serveClaim, serveDevices, serveKeys } from "../../handlers/keys/serveKeys";
import { array, object, record, string } from "../../lib/schema";
import { group, route } from "../route";

export const federationKeyRoutes = group("federation.keys", [
  route("GET /_matrix/federation/v1/user/devices/:userId", {
    servlet: "FederationUserDevicesQueryServlet",
    auth: "federation",
    handle: ({ app, params }) => serveDevices(app, params.userId),
  }),
  route("POST /_matrix/federation/v1/user/keys/query", {
    servlet: "FederationClientKeysQueryServlet",
    auth: "federation",
    body: object({ device_keys: record(array(string())) }),
    handle: ({ app, body }) => serveKeys(app, new Map(Object.entries(body.device_keys))),
  }),
  route("POST /_matrix/federation/v1/user/keys/claim", {
    servlet: "FederationClientKeysClaimServlet",
    auth: "federation",
    body: object({ one_time_keys: record(record(string())) }),
    handle: ({ app, body }) => serveClaim(app, readKeysWanted(body.one_time_keys)),
  }),
]);
