import { setReceipt } from "../../handlers/receipts";
import { anyJson, object, optional } from "../../lib/schema";
import { group, route } from "../route";

export const receiptRoutes = group("client.receipts", [
  route("POST /_matrix/client/v3/rooms/:roomId/receipt/:receiptType/:eventId", {
    servlet: "ReceiptRestServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    body: optional(object({ thread_id: optional(anyJson()) })),
    handle: async ({ app, requester, params, body }) => {
      await setReceipt(app, requester, { ...params, threadId: body?.thread_id });
      return {};
    },
  }),
]);
