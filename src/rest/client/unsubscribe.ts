import { unsubscribe, unsubscribedPage } from "../../handlers/push/unsubscribe";
import { object, string } from "../../lib/schema";
import { html } from "../reply";
import { group, route } from "../route";

const query = object({ access_token: string(), app_id: string(), pushkey: string() });

/** The link in mails, and the same for mail programs with a button of their own (RFC 8058). */
const unsubscribeBy = (method: "GET" | "POST") =>
  route(`${method} /_synapse/client/unsubscribe`, {
    servlet: "UnsubscribeResource",
    auth: "none",
    query,
    handle: async ({ app, query: { access_token: token, app_id: appId, pushkey } }) => {
      await unsubscribe(app, { token, appId, pushkey });
      return html(unsubscribedPage);
    },
  });

export const unsubscribeRoutes = group("client.unsubscribe", [unsubscribeBy("GET"), unsubscribeBy("POST")]);
