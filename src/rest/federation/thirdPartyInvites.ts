import { receiveBinding, receiveExchange } from "../../handlers/rooms/exchangeInvites";
import { anyObject } from "../../lib/schema";
import { group, route } from "../route";

/** Identity servers call without a signature; what they send is signed inside. */
const onBind = (method: "POST" | "PUT") =>
  route(`${method} /_matrix/federation/v1/3pid/onbind`, {
    servlet: "On3pidBindServlet",
    auth: "none",
    body: anyObject(),
    handle: async ({ app, body }) => {
      await receiveBinding(app, body);
      return {};
    },
  });

export const thirdPartyInviteRoutes = group("federation.thirdPartyInvites", [
  // The specification says PUT, identity servers do POST.
  onBind("POST"),
  onBind("PUT"),
  route("PUT /_matrix/federation/v1/exchange_third_party_invite/:roomId", {
    servlet: "FederationThirdPartyInviteExchangeServlet",
    auth: "federation",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => {
      await receiveExchange(app, requester.origin, params.roomId, body);
      return {};
    },
  }),
]);
