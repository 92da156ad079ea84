import { deleteDehydrated, dehydratedEvents, putDehydrated, readDehydrated } from "../../handlers/keys/dehydrated";
import { anyObject, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const PATH = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";

export const dehydratedDeviceRoutes = group("client.dehydratedDevice", [
  route(`GET ${PATH}`, {
    servlet: "DehydratedDeviceV2Servlet",
    auth: "user",
    handle: ({ app, requester }) => readDehydrated(app, requester.userId),
  }),
  route(`PUT ${PATH}`, {
    servlet: "DehydratedDeviceV2Servlet",
    auth: "user",
    body: anyObject(),
    handle: async ({ app, requester, body }) => ({ device_id: await putDehydrated(app, requester.userId, body) }),
  }),
  route(`DELETE ${PATH}`, {
    servlet: "DehydratedDeviceV2Servlet",
    auth: "user",
    handle: async ({ app, requester }) => ({ device_id: await deleteDehydrated(app, requester.userId) }),
  }),
  route(`POST ${PATH}/:deviceId/events`, {
    servlet: "DehydratedDeviceEventsServlet",
    auth: "user",
    body: optional(object({ next_batch: optional(string()) })),
    handle: ({ app, requester, params, body }) => dehydratedEvents(app, requester.userId, params.deviceId, body?.next_batch),
  }),
  route(`GET ${PATH}/:deviceId/events`, {
    servlet: "DehydratedDeviceEventsServlet",
    auth: "user",
    query: object({ next_batch: optional(string()) }),
    handle: ({ app, requester, params, query }) => dehydratedEvents(app, requester.userId, params.deviceId, query.next_batch),
  }),
]);
