import { anyJson } from "../../lib/schema";
import { group, route } from "../route";

/** Batches of events are large; the sender keeps them below 4 million characters. */
const MAX_BODY = 32 * 1024 * 1024;

/** Calls of other processes of this deployment (replication/rpc). */
export const replicationRoutes = group("replication", [
  route("POST /_synapse/replication/:name", {
    servlet: "ReplicationRpc",
    auth: "replication",
    body: anyJson(),
    maxBody: MAX_BODY,
    handle: ({ app, params, body }) => app.rpc.receive(params.name, body),
  }),
]);
