import { createHmac, timingSafeEqual } from "node:crypto";
import { forbidden, MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import type { AccountsApp } from "../auth/accounts";
import { checkLocalpart, qualify } from "./usernames";
import { createAccount } from "./createAccount";
import { knownUserTypes } from "./userTypes";
import { registrationBody } from "./register";
import type { SessionRequest } from "./sessions";

/** How long a nonce may be used. */
const NONCE_LIFETIME_MS = 60_000;
/** Bytes of a nonce: its time, randomness, and a MAC over both, so that any process knows those of the others. */
const TIME = 8;
const RANDOM = 8;
const MAC = 16;

/** Which nonces were used on this process. That one was used elsewhere shows at the latest in the name that is taken. */
export type UsedNonces = Map<string, number>;

function secretOf(app: AccountsApp): string {
  const secret = app.config.registration_shared_secret;
  if (secret === undefined) throw new MatrixError(400, "M_UNKNOWN", "Shared secret registration is not enabled");
  return secret;
}

function macOf(app: AccountsApp, content: Uint8Array): Buffer {
  return createHmac("sha256", `nonce ${secretOf(app)}`)
    .update(content)
    .digest()
    .subarray(0, MAC);
}

/** GET /_synapse/admin/v1/register: a nonce, good for a minute. */
export function issueNonce(app: AccountsApp): string {
  const time = Buffer.alloc(TIME);
  time.writeBigUInt64BE(BigInt(app.clock.now()));
  const content = Buffer.concat([time, app.random.bytes(RANDOM)]);
  return Buffer.concat([content, macOf(app, content)]).toString("hex");
}

function takeNonce(app: AccountsApp, nonce: string): void {
  const now = app.clock.now();
  const { usedNonces } = app.accounts;
  for (const [old, at] of usedNonces) {
    if (now - at <= NONCE_LIFETIME_MS) break;
    usedNonces.delete(old);
  }
  const bytes = Buffer.from(nonce, "hex");
  const content = bytes.subarray(0, TIME + RANDOM);
  const isOurs = bytes.length === TIME + RANDOM + MAC && timingSafeEqual(bytes.subarray(TIME + RANDOM), macOf(app, content));
  if (!isOurs || now - Number(bytes.readBigUInt64BE()) > NONCE_LIFETIME_MS || usedNonces.has(nonce)) {
    throw new MatrixError(400, "M_UNKNOWN", "unrecognised nonce");
  }
  usedNonces.set(nonce, now);
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
  takeNonce(app, request.nonce);
  if (username === "" || username.includes("\0") || username.length > 512) throw refuse("Invalid username");
  if (password.includes("\0") || [...password].length > 512) throw refuse("Invalid password");
  if (userType !== undefined && !knownUserTypes(app.config).includes(userType)) throw refuse("Invalid user type");

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
