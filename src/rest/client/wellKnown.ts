import { notFound } from "../../errors";
import { clientWellKnown, policyServerWellKnown, serverWellKnown, supportWellKnown } from "../../handlers/account/wellKnown";
import type { App } from "../../handlers/app";
import type { JsonObject } from "../../lib/json";
import { group, route } from "../route";

const file = (servlet: string, make: (config: App["config"]) => JsonObject | undefined) => ({
  servlet,
  auth: "none" as const,
  handle: ({ app }: { app: App }) => {
    const content = make(app.config);
    if (!content) throw notFound(".well-known not available");
    return content;
  },
});

export const wellKnownRoutes = group("wellknown", [
  route("GET /.well-known/matrix/client", file("ClientWellKnownResource", clientWellKnown)),
  route("GET /.well-known/matrix/server", file("ServerWellKnownResource", serverWellKnown)),
  route("GET /.well-known/matrix/support", file("SupportWellKnownResource", supportWellKnown)),
  route("GET /.well-known/matrix/policy_server", file("PolicyServerWellKnownResource", policyServerWellKnown)),
]);
