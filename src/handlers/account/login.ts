import type { AppService } from "../../config/appservices";
import { forbidden, MatrixError, missingParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { takeLoginToken } from "../../storage/shortTokens";
import { getThreepidOwner } from "../../storage/threepids";
import { getUser } from "../../storage/users";
import type { AccountsApp } from "../auth/accounts";
import { ownsUser } from "../auth/appserviceAuth";
import { missingToken, unknownToken } from "../auth/authenticate";
import { readIdentifier } from "../auth/identifiers";
import { lockedError } from "../auth/restrictions";
import { loginWithJwt } from "../auth/jwt";
import { checkPassword, deactivatedError } from "../auth/passwordLogin";
import { hashToken, isGarbled } from "../auth/tokenFormat";
import { createSession, sessionBody } from "./sessions";
import { sessionRequestOf } from "./register";
import { qualify } from "./usernames";
import { clientWellKnown } from "./wellKnown";

/** GET /login: what POST /login takes. */
export function loginFlows(app: AccountsApp): JsonObject[] {
  const { config, accounts } = app;
  const flows: JsonObject[] = [];
  if (config.jwt_config.enabled) flows.push({ type: "org.matrix.login.jwt" });
  if (accounts.signOn) flows.push(...accounts.signOn.flows());
  const tokens = config.login_via_existing_session.enabled;
  if (accounts.signOn || tokens) flows.push({ type: "m.login.token", ...(tokens && { get_login_token: true }) });
  if (
    config.password_config.enabled === true &&
    (config.password_config.localdb_enabled || accounts.listeners.passwordCheckers.length > 0)
  ) {
    flows.push({ type: "m.login.password" });
  }
  flows.push({ type: "m.login.application_service" });
  return flows;
}

interface LoginRequest {
  readonly ip: string;
  readonly accessToken: string | undefined;
}

function stringOf(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw missingParam(`Missing params: ['${name}']`);
  return value;
}

async function withPassword(app: AccountsApp, body: JsonObject): Promise<string> {
  if (app.config.password_config.enabled !== true) throw new MatrixError(400, "M_UNKNOWN", "Password login has been disabled.");
  return checkPassword(app, readIdentifier(body), stringOf(body, "password"));
}

async function withToken(app: AccountsApp, body: JsonObject): Promise<string> {
  const token = stringOf(body, "token");
  const owner = isGarbled(token) ? undefined : await takeLoginToken(app.db, hashToken(token), app.clock.now());
  if (!owner) throw forbidden("Invalid login token");
  return owner.userId;
}

/** An application service logs one of its users in, with its own token (specification: Appservice Login). */
async function asAppservice(
  app: AccountsApp,
  body: JsonObject,
  request: LoginRequest,
): Promise<{ userId: string; appservice: AppService }> {
  if (request.accessToken === undefined) throw missingToken();
  const appservice = app.config.derived.appServices.find((service) => service.asToken === request.accessToken);
  if (!appservice) throw unknownToken("Unrecognised access token", false);
  const identifier = readIdentifier(body);
  const userId =
    identifier.kind === "user"
      ? qualify(identifier.user, app.serverName)
      : await getThreepidOwner(app.db, identifier.medium, identifier.address);
  if (userId === undefined) throw forbidden("Invalid username");
  if (!ownsUser(appservice, userId)) throw new MatrixError(403, "M_EXCLUSIVE", "Application service cannot log in as this user");
  return { userId, appservice };
}

async function prove(app: AccountsApp, body: JsonObject, request: LoginRequest): Promise<{ userId: string; appservice?: AppService }> {
  switch (stringOf(body, "type")) {
    case "m.login.application_service":
      return asAppservice(app, body, request);
    case "m.login.password":
      return { userId: await withPassword(app, body) };
    case "m.login.token":
      return { userId: await withToken(app, body) };
    case "org.matrix.login.jwt":
    case "m.login.jwt":
      if (app.config.jwt_config.enabled) return { userId: await loginWithJwt(app, stringOf(body, "token")) };
  }
  throw new MatrixError(400, "M_UNKNOWN", "Unknown login type");
}

/**
 * POST /login. Throws 403 M_FORBIDDEN for wrong proofs, M_USER_DEACTIVATED, 400 M_UNKNOWN for types that are off, 429, and 403
 * M_RESOURCE_LIMIT_EXCEEDED on a full server.
 */
export async function login(app: AccountsApp, body: JsonObject, request: LoginRequest): Promise<JsonObject> {
  const byService = body["type"] === "m.login.application_service";
  if (!byService) app.rateLimiter.check("rc_login.address", request.ip);
  const { userId, appservice } = await prove(app, body, request);
  if (!appservice || appservice.rateLimited) app.rateLimiter.check("rc_login.account", userId.toLowerCase());
  const user = await getUser(app.db, userId);
  if (!user) throw forbidden(byService ? "Application service has not registered this user" : "Invalid username or password");
  if (user.deactivated) throw deactivatedError();
  if (user.locked) throw lockedError();
  if (!user.approved) {
    throw new MatrixError(403, "ORG.MATRIX.MSC3866_USER_AWAITING_APPROVAL", "This account is pending approval by a server administrator.");
  }
  await app.accounts.monthlyActive.check({ userId, isAdmin: user.admin, appservice });
  const session = await createSession(app, userId, sessionRequestOf({ ...body, inhibit_login: false }) ?? { kind: "lasting" });
  const wellKnown = clientWellKnown(app.config);
  return { ...sessionBody(app.serverName, session), ...(wellKnown && { well_known: wellKnown }) };
}
