import { requireServed } from "../../handlers/auth/served";
import { askForConsent } from "../../handlers/consent/required";
import { tellOfUsageLimit } from "../../handlers/serverNotices/usageLimit";
import { filterOf } from "../../handlers/filters";
import { presenceState } from "../../handlers/presence";
import { sync } from "../../handlers/sync/sync";
import { booleanText, integerText, object, optional, string } from "../../lib/schema";
import { invalidParam } from "../../errors";
import { group, route } from "../route";

const MSC4222 = "org.matrix.msc4222";

export const syncRoutes = group("client.sync", [
  route("GET /_matrix/client/v3/sync", {
    servlet: "SyncRestServlet",
    aliases: ["r0", "unstable", "/_matrix/client/v2_alpha/sync"],
    auth: "guest",
    query: object({
      filter: optional(string()),
      since: optional(string()),
      full_state: optional(booleanText()),
      set_presence: optional(string()),
      timeout: optional(integerText({ minimum: 0 })),
      use_state_after: optional(booleanText()),
      [`${MSC4222}.use_state_after`]: optional(booleanText()),
    }),
    handle: async ({ app, requester, query, request }) => {
      const setPresence = query.set_presence === undefined ? "online" : presenceState(app, query.set_presence);
      if (setPresence === undefined) throw invalidParam("set_presence must be online, offline or unavailable");
      await requireServed(app, requester);
      await askForConsent(app, requester);
      tellOfUsageLimit(app, requester);
      const wanted = {
        filter: await filterOf(app, requester.userId, query.filter),
        since: query.since === "" ? undefined : query.since,
        fullState: query.full_state ?? false,
        setPresence,
        timeout: query.timeout ?? 0,
        stateKey: query.use_state_after ? "state_after" : query[`${MSC4222}.use_state_after`] ? `${MSC4222}.state_after` : "state",
        signal: request.ending,
      } as const;
      return sync(app, requester, wanted, query.filter);
    },
  }),
]);
