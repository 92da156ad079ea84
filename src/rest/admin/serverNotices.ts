import { sendNotice } from "../../handlers/admin/serverNotice";
import { anyObject, object, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import { group, route } from "../route";

const body = object({ user_id: string(), content: anyObject(), type: optional(string()), state_key: optional(string()) });

const noticeOf = ({ user_id: userId, content, type = "m.room.message", state_key: stateKey }: Infer<typeof body>) => ({
  userId,
  content,
  type,
  ...(stateKey !== undefined && { stateKey }),
});

export const serverNoticeRoutes = group("admin.serverNotices", [
  route("POST /_synapse/admin/v1/send_server_notice", {
    servlet: "SendServerNoticeServlet",
    auth: "admin",
    body,
    handle: async ({ app, requester, body: given }) => ({ event_id: await sendNotice(app, requester, noticeOf(given)) }),
  }),
  route("PUT /_synapse/admin/v1/send_server_notice/:txnId", {
    servlet: "SendServerNoticeServlet",
    auth: "admin",
    body,
    handle: async ({ app, requester, params, body: given }) => ({
      event_id: await sendNotice(app, requester, { ...noticeOf(given), txnId: params.txnId }),
    }),
  }),
]);
