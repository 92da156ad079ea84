import { sendToDevice } from "../../handlers/toDevice";
import { anyObject, object } from "../../lib/schema";
import { group, route } from "../route";

export const sendToDeviceRoutes = group("client.sendToDevice", [
  route("PUT /_matrix/client/v3/sendToDevice/:eventType/:txnId", {
    servlet: "SendToDeviceRestServlet",
    aliases: ["r0", "unstable"],
    auth: "guest",
    body: object({ messages: anyObject() }),
    handle: async ({ app, requester, params, body }) => {
      await sendToDevice(app, requester, { ...params, messages: body.messages });
      return {};
    },
  }),
]);
