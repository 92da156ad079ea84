import { invalidParam } from "../../errors";
import { lookUpThirdParty, thirdPartyProtocol, thirdPartyProtocols } from "../../handlers/appservices/thirdParty";
import type { HttpRequest } from "../../handlers/request";
import { group, route } from "../route";

const common = { aliases: ["r0", "unstable"], auth: "guest" } as const;
const MAX_FIELDS = 50;

/** Which fields there are is the network's to say, so all of the query is passed on. */
function fieldsOf(request: HttpRequest): Record<string, string[]> {
  const fields = Object.create(null) as Record<string, string[]>;
  const params = [...new URLSearchParams(request.url.split("?", 2)[1] ?? "")];
  if (params.length > MAX_FIELDS) throw invalidParam("Too many query parameters");
  for (const [name, value] of params) (fields[name] ??= []).push(value);
  return { ...fields };
}

export const thirdPartyRoutes = group("client.thirdParty", [
  route("GET /_matrix/client/v3/thirdparty/protocols", {
    ...common,
    servlet: "ThirdPartyProtocolsServlet",
    handle: ({ app }) => thirdPartyProtocols(app),
  }),
  route("GET /_matrix/client/v3/thirdparty/protocol/:protocol", {
    ...common,
    servlet: "ThirdPartyProtocolServlet",
    handle: ({ app, params }) => thirdPartyProtocol(app, params.protocol),
  }),
  route("GET /_matrix/client/v3/thirdparty/user", {
    ...common,
    servlet: "ThirdPartyUserServlet",
    handle: ({ app, request }) => lookUpThirdParty(app, "user", undefined, fieldsOf(request)),
  }),
  route("GET /_matrix/client/v3/thirdparty/user/:protocol", {
    ...common,
    servlet: "ThirdPartyUserServlet",
    handle: ({ app, params, request }) => lookUpThirdParty(app, "user", params.protocol, fieldsOf(request)),
  }),
  route("GET /_matrix/client/v3/thirdparty/location", {
    ...common,
    servlet: "ThirdPartyLocationServlet",
    handle: ({ app, request }) => lookUpThirdParty(app, "location", undefined, fieldsOf(request)),
  }),
  route("GET /_matrix/client/v3/thirdparty/location/:protocol", {
    ...common,
    servlet: "ThirdPartyLocationServlet",
    handle: ({ app, params, request }) => lookUpThirdParty(app, "location", params.protocol, fieldsOf(request)),
  }),
]);
