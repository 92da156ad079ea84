import { forbidden, MatrixError } from "../../../errors";
import type { JsonObject } from "../../../lib/json";
import { getLastValidated, setLastValidated } from "../../../storage/accessTokens";
import { getUser } from "../../../storage/users";
import type { HttpRequest } from "../../request";
import type { Requester } from "../../requester";
import type { AccountsApp } from "../accounts";
import { runUia } from "./engine";
import type { UiaOutcome } from "./engine";
import type { Flow } from "./types";

export interface Reauthentication {
  readonly request: Pick<HttpRequest, "method" | "path" | "ip">;
  /** The body of the request: `auth`, and what is asked for, without anything secret. */
  readonly body: JsonObject;
  readonly description: string;
  /** Whether a proof that is younger than `ui_auth.session_timeout` serves once more. */
  readonly reuse: "recent" | "never";
}

/** How a user can prove who they are. Throws 400 where there is no way at all. */
export async function reauthenticationFlows(app: AccountsApp, userId: string): Promise<Flow[]> {
  const { config, accounts } = app;
  const [user, signsOn] = await Promise.all([getUser(app.db, userId), accounts.signOn?.knows(userId)]);
  const hasPassword = user?.hasPassword === true && config.password_config.localdb_enabled;
  const flows: Flow[] = [];
  if (config.password_config.enabled !== false && (hasPassword || accounts.listeners.passwordCheckers.length > 0))
    flows.push(["m.login.password"]);
  if (signsOn) flows.push(["m.login.sso"]);
  if (flows.length === 0) throw new MatrixError(400, "M_UNKNOWN", "This account has no way to authenticate itself again");
  return flows;
}

/** Splits `auth` off a body. */
export function splitAuth(body: JsonObject): { auth: JsonObject | undefined; rest: JsonObject } {
  const { auth, ...rest } = body;
  return { auth: typeof auth === "object" && auth !== null && !Array.isArray(auth) ? auth : undefined, rest };
}

/** Throws 403 when the proof is somebody else's. */
export function checkSameUser(outcome: UiaOutcome, userId: string): void {
  for (const stage of ["m.login.password", "m.login.sso"]) {
    const who = outcome.completed[stage];
    if (who !== undefined && who !== userId) throw forbidden("Invalid auth");
  }
}

/**
 * Has the user prove that it is them, before something that a stolen access token must not do. Throws UiaIncomplete (401), and 403
 * when the proof is somebody else's. Gives the parameters, which may come from an earlier request of the session.
 */
export async function confirmIdentity(app: AccountsApp, requester: Requester, what: Reauthentication): Promise<JsonObject> {
  const { auth, rest } = splitAuth(what.body);
  const timeout = app.config.ui_auth.session_timeout;
  if (what.reuse === "recent" && timeout > 0 && requester.accessTokenId !== undefined) {
    const last = await getLastValidated(app.db, requester.accessTokenId);
    if (last !== undefined && app.clock.now() - last < timeout) return rest;
  }
  const { method, path, ip } = what.request;
  const outcome = await runUia(app, await reauthenticationFlows(app, requester.userId), {
    method,
    path,
    ip,
    auth,
    clientDict: rest,
    description: what.description,
    // For the callback of a sign-on provider, which comes without the user's token.
    remember: async () => ({ request_user_id: requester.userId }),
  });
  checkSameUser(outcome, requester.userId);
  if (timeout > 0 && requester.accessTokenId !== undefined) await setLastValidated(app.db, requester.accessTokenId, app.clock.now());
  return outcome.params;
}
