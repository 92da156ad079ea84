import type { App } from "../../handlers/app";
import { purgeStatus, startPurge } from "../../handlers/admin/purgeHistory";
import { boolean, integer, object, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import { group, route } from "../route";

const body = optional(
  object({
    delete_local_events: optional(boolean()),
    purge_up_to_event_id: optional(string()),
    purge_up_to_ts: optional(integer()),
  }),
);

async function begin(app: App, roomId: string, eventId: string | undefined, given: Infer<typeof body>) {
  const request = { roomId, eventId: eventId ?? given?.purge_up_to_event_id, ts: given?.purge_up_to_ts };
  return { purge_id: await startPurge(app, { ...request, deleteLocal: given?.delete_local_events ?? false }) };
}

export const purgeHistoryRoutes = group("admin.purge", [
  route("POST /_synapse/admin/v1/purge_history/:roomId", {
    servlet: "PurgeHistoryRestServlet",
    auth: "admin",
    body,
    handle: ({ app, params, body: given }) => begin(app, params.roomId, undefined, given),
  }),
  route("POST /_synapse/admin/v1/purge_history/:roomId/:eventId", {
    servlet: "PurgeHistoryRestServlet",
    auth: "admin",
    body,
    handle: ({ app, params, body: given }) => begin(app, params.roomId, params.eventId, given),
  }),
  route("GET /_synapse/admin/v1/purge_history_status/:purgeId", {
    servlet: "PurgeHistoryStatusRestServlet",
    auth: "admin",
    handle: ({ app, params }) => purgeStatus(app, params.purgeId),
  }),
]);
