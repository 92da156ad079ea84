import { receiveTransaction } from "../../handlers/federation/transactions";
import { anyObject } from "../../lib/schema";
import { group, route } from "../route";

export const transactionRoutes = group("federation.transactions", [
  route("PUT /_matrix/federation/v1/send/:txnId/?", {
    servlet: "FederationSendServlet",
    auth: "federation",
    ownPace: true,
    body: anyObject(),
    handle: ({ app, requester, params, body }) => receiveTransaction(app, requester.origin, params.txnId, body),
  }),
]);
