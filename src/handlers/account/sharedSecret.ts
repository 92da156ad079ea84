import { createHmac, timingSafeEqual } from "node:crypto";
import { forbidden, MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import type { AccountsApp } from "../auth/accounts";
import { checkLocalpart, qualify } from "./usernames";
import { createAccount } from "./createAccount";
import { registrationBody } from "./register";
import type { SessionRequest } from "./sessions";

/** How long a nonce may be used, and how many are out at once at most. */
const NONCE_LIFETIME_MS = 60_000;
const MAX_NONCES = 10_000;

/** Nonces given out by this process, each good for one registration. */
export interface Nonces {
  issue(nonce: string, now: number): void;
  take(nonce: string, now: number): boolean;
}

export function createNonces(): Nonces {
  const issued = new Map<string, number>();
  function prune(now: number): void {
    for (const [nonce, at] of issued) {
      if (now - at <= NONCE_LIFETIME_MS && issued.size < MAX_NONCES) return;
      issued.delete(nonce);
    }
  }
  return {
    issue(nonce, now) {
      prune(now);
      issued.set(nonce, now);
    },
    take(nonce, now) {
      prune(now);
      return issued.delete(nonce);
    },
  };
}

function secretOf(app: AccountsApp): string {
  const secret = app.config.registration_shared_secret;
  if (secret === undefined) throw new MatrixError(400, "M_UNKNOWN", "Shared secret registration is not enabled");
  return secret;
}

/** GET /_synapse/admin/v1/register: a nonce, good for a minute. */
export function issueNonce(app: AccountsApp): string {
  secretOf(app);
  const nonce = app.random.bytes(32).toString("hex");
  app.accounts.nonces.issue(nonce, app.clock.now());
  return nonce;
}

export interface SharedSecretRequest {
  readonly nonce: string;
  readonly username: string;
  readonly password: string;
  readonly admin: boolean;
  readonly userType: string | undefined;
  readonly displayname: string | undefined;
  /** HMAC-SHA1 in hex, keyed with the secret, over nonce, user, password, "admin" or "notadmin" and maybe the type, joined by NUL. */
  readonly mac: string;
  readonly session: SessionRequest | undefined;
}

/** POST /_synapse/admin/v1/register: an account for whoever holds the secret. Throws 400 for what is malformed, 403 for a wrong mac. */
export async function registerWithSecret(app: AccountsApp, request: SharedSecretRequest): Promise<JsonObject> {
  const refuse = (message: string): MatrixError => new MatrixError(400, "M_INVALID_PARAM", message);
  const { username, password, userType } = request;
  const secret = secretOf(app);
  if (!app.accounts.nonces.take(request.nonce, app.clock.now())) throw new MatrixError(400, "M_UNKNOWN", "unrecognised nonce");
  if (username === "" || username.includes("\0") || username.length > 512) throw refuse("Invalid username");
  if (password.includes("\0") || [...password].length > 512) throw refuse("Invalid password");
  const known = ["bot", "support", ...app.config.user_types.extra_user_types];
  if (userType !== undefined && !known.includes(userType)) throw refuse("Invalid user type");

  const parts = [request.nonce, username, password, request.admin ? "admin" : "notadmin", ...(userType === undefined ? [] : [userType])];
  const wanted = createHmac("sha1", secret).update(parts.join("\0")).digest();
  const given = Buffer.from(request.mac, "hex");
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw forbidden("HMAC incorrect");

  const localpart = username.toLowerCase();
  checkLocalpart(localpart, { serverName: app.serverName, numeric: "reserved", underscore: "allowed" });
  const userId = qualify(localpart, app.serverName);
  const session = await createAccount(app, userId, {
    passwordHash: await app.accounts.passwords.hash(password),
    admin: request.admin,
    ...(userType !== undefined && { userType }),
    ...(request.displayname !== undefined && { displayname: request.displayname }),
    ...(request.session && { session: request.session }),
  });
  await app.hooks.userRegistered(userId, { isGuest: false });
  return registrationBody(app, userId, session);
}
