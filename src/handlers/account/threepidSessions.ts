import { invalidParam, MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { WebError } from "../../remote/webClient";
import { findThreepidSession, getThreepidSession, startThreepidSession, validateThreepidSession } from "../../storage/threepidSessions";
import { getThreepidOwner } from "../../storage/threepids";
import type { AccountsApp } from "../auth/accounts";
import { canonicalEmail } from "../auth/identifiers";
import { hashToken } from "../auth/tokenFormat";
import { validationLink, validationMail } from "./threepidMails";
import type { Purpose } from "./threepidMails";

export interface ValidatedAddress {
  readonly medium: string;
  readonly address: string;
  readonly validatedAt: number;
  /** Of our own session; absent when an identity server validated the address. */
  readonly sessionId: string | undefined;
}

const HOUR_MS = 3_600_000;

/** Throws 400 M_INVALID_PARAM (specification: opaque identifiers). */
export function checkClientSecret(secret: string): void {
  if (!/^[0-9a-zA-Z.=_-]{1,255}$/.test(secret)) throw invalidParam("Invalid client_secret parameter");
}

/** Whether the operator lets this address belong to an account (allowed_local_3pids). */
export function isAddressAllowed(app: Pick<AccountsApp, "config">, medium: string, address: string): boolean {
  const patterns = app.config.allowed_local_3pids;
  return patterns === undefined || patterns.some((rule) => rule.medium === medium && new RegExp(`^(?:${rule.pattern})`).test(address));
}

function checkNextLink(app: AccountsApp, link: string | undefined): void {
  if (link === undefined) return;
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const hosts = app.config.next_link_domain_whitelist;
  if (!url || !/^https?:$/.test(url.protocol) || (hosts && !hosts.includes(url.hostname))) {
    throw invalidParam("'next_link' domain not included in whitelist, or not http(s)");
  }
}

/** Throws where the address cannot be used for this purpose; gives "hidden" where the operator does not want that to be told. */
async function checkOwner(app: AccountsApp, purpose: Purpose, medium: string, address: string): Promise<"fine" | "hidden"> {
  const owner = await getThreepidOwner(app.db, medium, address);
  const wanted = purpose === "password";
  if ((owner !== undefined) === wanted) return "fine";
  if (app.config.request_token_inhibit_3pid_errors) return "hidden";
  if (wanted) throw new MatrixError(400, "M_THREEPID_NOT_FOUND", "Email not found");
  throw new MatrixError(400, "M_THREEPID_IN_USE", medium === "email" ? "Email is already in use" : "Phone number is already in use");
}

export interface TokenRequest {
  readonly clientSecret: string;
  readonly sendAttempt: number;
  readonly nextLink: string | undefined;
  readonly ip: string;
}

/** Counts a request for a token against the address of the client and against the address that gets the message. */
export function limitTokenRequests(app: AccountsApp, ip: string, address: string): void {
  app.rateLimiter.check("rc_3pid_validation", `ip ${ip}`);
  app.rateLimiter.check("rc_3pid_validation", `address ${address}`);
}

/**
 * Mails a link that proves who reads the address. Gives the id of the session; the same one when the client repeats itself.
 * Throws 400 M_THREEPID_IN_USE or M_THREEPID_NOT_FOUND, 403 M_THREEPID_DENIED, 429.
 */
export async function requestEmailToken(
  app: AccountsApp,
  purpose: Purpose,
  email: string,
  request: TokenRequest,
): Promise<{ sid: string }> {
  const { mailer } = app.accounts;
  if (!mailer) throw new MatrixError(400, "M_UNKNOWN", "Email validation is not possible on this server");
  const address = canonicalEmail(email);
  const { clientSecret, sendAttempt, nextLink } = request;
  checkClientSecret(clientSecret);
  checkNextLink(app, nextLink);
  if (purpose !== "password" && !isAddressAllowed(app, "email", address)) {
    throw new MatrixError(403, "M_THREEPID_DENIED", "Your email domain is not authorized on this server");
  }
  limitTokenRequests(app, request.ip, address);
  const newSid = app.random.letters(16);
  if ((await checkOwner(app, purpose, "email", address)) === "hidden") return { sid: newSid };

  const existing = await findThreepidSession(app.db, { medium: "email", address, clientSecret });
  if (existing && existing.lastSendAttempt >= sendAttempt) return { sid: existing.sessionId };
  const sid = existing?.sessionId ?? newSid;
  const token = app.random.letters(32);
  const now = app.clock.now();
  const lifetime = app.config.email?.validation_token_lifetime ?? HOUR_MS;
  await startThreepidSession(
    app.db,
    { sessionId: sid, clientSecret, medium: "email", address, lastSendAttempt: sendAttempt, createdTs: now },
    { hash: hashToken(token), nextLink, expiresTs: now + lifetime },
  );
  try {
    await mailer.send(validationMail(app, purpose, address, validationLink(app.config, purpose, { token, clientSecret, sid })));
  } catch (error) {
    app.accounts.onError(error);
    throw new MatrixError(500, "M_UNKNOWN", "An error was encountered when sending the email");
  }
  return { sid };
}

/** Has the delegate send a text message. Gives its session. Throws as requestEmailToken does. */
export async function requestMsisdnToken(
  app: AccountsApp,
  purpose: Purpose,
  phone: { readonly country: string; readonly number: string; readonly address: string },
  request: TokenRequest,
): Promise<{ sid: string; submit_url?: string }> {
  const delegate = app.config.account_threepid_delegates.msisdn;
  if (delegate === undefined) {
    throw new MatrixError(400, "M_UNKNOWN", "Phone numbers are not supported by this homeserver");
  }
  checkClientSecret(request.clientSecret);
  checkNextLink(app, request.nextLink);
  if (purpose !== "password" && !isAddressAllowed(app, "msisdn", phone.address)) {
    throw new MatrixError(403, "M_THREEPID_DENIED", "Phone numbers are not authorized on this server");
  }
  limitTokenRequests(app, request.ip, phone.address);
  if ((await checkOwner(app, purpose, "msisdn", phone.address)) === "hidden") return { sid: app.random.letters(16) };
  const answer = await app.accounts.web.postJson(`${delegate.replace(/\/$/, "")}/_matrix/identity/api/v1/validate/msisdn/requestToken`, {
    country: phone.country,
    phone_number: phone.number,
    client_secret: request.clientSecret,
    send_attempt: request.sendAttempt,
    ...(request.nextLink !== undefined && { next_link: request.nextLink }),
  });
  const sid = answer["sid"];
  if (typeof sid !== "string") throw new MatrixError(502, "M_UNKNOWN", "The identity server did not start a session");
  return { sid, submit_url: `${app.config.derived.publicBaseurl}_matrix/client/unstable/add_threepid/msisdn/submit_token` };
}

/** What the link in the mail does. Gives where the browser goes next, if anywhere. Throws 400 M_THREEPID_AUTH_FAILED. */
export async function submitEmailToken(
  app: AccountsApp,
  given: { token: string; clientSecret: string; sid: string },
): Promise<{ nextLink: string | undefined }> {
  const done = await validateThreepidSession(app.db, {
    tokenHash: hashToken(given.token),
    sessionId: given.sid,
    clientSecret: given.clientSecret,
    now: app.clock.now(),
  });
  if (!done) throw new MatrixError(400, "M_THREEPID_AUTH_FAILED", "The link is not valid, or no longer");
  return { nextLink: done.nextLink ?? undefined };
}

/** Passes the code of a text message on to the delegate. Gives its answer. */
export async function submitMsisdnToken(
  app: AccountsApp,
  given: { token: string; clientSecret: string; sid: string },
): Promise<JsonObject> {
  const delegate = app.config.account_threepid_delegates.msisdn;
  if (delegate === undefined) throw new MatrixError(400, "M_UNKNOWN", "This homeserver is not validating phone numbers");
  return app.accounts.web.postJson(`${delegate.replace(/\/$/, "")}/_matrix/identity/api/v1/validate/msisdn/submitToken`, {
    token: given.token,
    client_secret: given.clientSecret,
    sid: given.sid,
  });
}

async function askDelegate(app: AccountsApp, given: { sid: string; clientSecret: string }): Promise<ValidatedAddress | undefined> {
  const delegate = app.config.account_threepid_delegates.msisdn;
  if (delegate === undefined) return undefined;
  const query = new URLSearchParams({ sid: given.sid, client_secret: given.clientSecret });
  try {
    const answer = await app.accounts.web.getJson(
      `${delegate.replace(/\/$/, "")}/_matrix/identity/api/v1/3pid/getValidated3pid?${query.toString()}`,
    );
    const { medium, address, validated_at: validatedAt } = answer;
    if (typeof medium !== "string" || typeof address !== "string") return undefined;
    return { medium, address, validatedAt: typeof validatedAt === "number" ? validatedAt : app.clock.now(), sessionId: undefined };
  } catch (error) {
    // Sessions that it does not know, or that are not validated yet, are no failures.
    if (!(error instanceof WebError)) app.accounts.onError(error);
    return undefined;
  }
}

/** The address that a session proved; undefined while it has not, and for a wrong secret. */
export async function findValidated(
  app: AccountsApp,
  given: { sid: string; clientSecret: string },
  medium?: string,
): Promise<ValidatedAddress | undefined> {
  checkClientSecret(given.clientSecret);
  const session = await getThreepidSession(app.db, given.sid);
  if (session && session.clientSecret === given.clientSecret) {
    if (session.validatedAt === null) return undefined;
    return { medium: session.medium, address: session.address, validatedAt: session.validatedAt, sessionId: session.sessionId };
  }
  return medium === "email" ? undefined : askDelegate(app, given);
}

/** As findValidated, for stages of user-interactive authentication: throws 401 M_UNAUTHORIZED. */
export async function requireValidated(
  app: AccountsApp,
  given: { sid: string; clientSecret: string },
  medium: string,
): Promise<ValidatedAddress> {
  const validated = await findValidated(app, given, medium);
  if (!validated) throw new MatrixError(401, "M_UNAUTHORIZED", "Unable to get validated threepid");
  return validated;
}
