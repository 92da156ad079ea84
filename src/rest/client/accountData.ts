import { unrecognized } from "../../errors";
import { deleteAccountData, readAccountData, setAccountData } from "../../handlers/accountData";
import type { AccountDataTarget } from "../../handlers/accountData";
import type { App } from "../../handlers/app";
import type { Requester } from "../../handlers/requester";
import type { JsonObject } from "../../lib/json";
import { anyObject } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;

async function put(app: App, requester: Requester, target: AccountDataTarget, body: JsonObject): Promise<object> {
  await setAccountData(app, requester, target, body);
  return {};
}

/** MSC3391. */
async function remove(app: App, requester: Requester, target: AccountDataTarget): Promise<object> {
  if (!app.config.experimental_features.msc3391_enabled) throw unrecognized();
  await deleteAccountData(app, requester, target);
  return {};
}

export const accountDataRoutes = group("client.accountData", [
  route("PUT /_matrix/client/v3/user/:userId/account_data/:type", {
    servlet: "AccountDataServlet",
    aliases: prefixes,
    auth: "user",
    body: anyObject(),
    handle: ({ app, requester, params, body }) => put(app, requester, params, body),
  }),
  route("GET /_matrix/client/v3/user/:userId/account_data/:type", {
    servlet: "AccountDataServlet",
    aliases: prefixes,
    auth: "user",
    handle: ({ app, requester, params }) => readAccountData(app, requester, params),
  }),
  route("PUT /_matrix/client/v3/user/:userId/rooms/:roomId/account_data/:type", {
    servlet: "RoomAccountDataServlet",
    aliases: prefixes,
    auth: "user",
    body: anyObject(),
    handle: ({ app, requester, params, body }) => put(app, requester, params, body),
  }),
  route("GET /_matrix/client/v3/user/:userId/rooms/:roomId/account_data/:type", {
    servlet: "RoomAccountDataServlet",
    aliases: prefixes,
    auth: "user",
    handle: ({ app, requester, params }) => readAccountData(app, requester, params),
  }),
  route("DELETE /_matrix/client/unstable/org.matrix.msc3391/user/:userId/account_data/:type", {
    servlet: "UnstableAccountDataServlet",
    auth: "user",
    handle: ({ app, requester, params }) => remove(app, requester, params),
  }),
  route("DELETE /_matrix/client/unstable/org.matrix.msc3391/user/:userId/rooms/:roomId/account_data/:type", {
    servlet: "UnstableRoomAccountDataServlet",
    auth: "user",
    handle: ({ app, requester, params }) => remove(app, requester, params),
  }),
]);
