import { invalidParam, notFound } from "../../errors";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import {
  deleteRegistrationToken,
  getRegistrationToken,
  getRegistrationTokens,
  insertRegistrationToken,
  updateRegistrationToken,
} from "../../storage/registrationTokens";
import type { RegistrationTokenRow } from "../../storage/registrationTokens";
import type { App } from "../app";

/** How often and until when (ms) a token can be used. undefined: not said; null: without limit. */
interface TokenTerms {
  readonly usesAllowed: number | null | undefined;
  readonly expiresTs: number | null | undefined;
}

type TokensApp = Pick<App, "clock" | "db" | "random">;

const MAX_LENGTH = 64;
const DEFAULT_LENGTH = 16;
const TOKEN_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
/** Of a token that was to be of any name, so many are tried. */
const ATTEMPTS = 5;
const unknown = (token: string) => notFound(`No such registration token: ${token}`);

const shown = ({ token, usesAllowed, pending, completed, expiresTs }: RegistrationTokenRow) => ({
  token,
  uses_allowed: usesAllowed,
  pending,
  completed,
  expiry_time: expiresTs,
});

/** `GET /registration_tokens`: all, or those that are valid or not. */
export async function listTokens(app: TokensApp, isValid: boolean | undefined) {
  const which = isValid === undefined ? "all" : isValid ? "valid" : "spent";
  return (await getRegistrationTokens(app.db, which, app.clock.now())).map(shown);
}

/** 404 where there is none. */
export async function readToken(app: TokensApp, token: string) {
  const row = await getRegistrationToken(app.db, token);
  if (!row) throw unknown(token);
  return shown(row);
}

/** A number, null or nothing. */
function numberIn(body: JsonObject, name: string, wanted: string): number | null | undefined {
  const value = own(body, name);
  if (value === undefined || value === null || (typeof value === "number" && Number.isSafeInteger(value))) return value;
  throw invalidParam(`${name} must be ${wanted}`);
}

function termsIn({ clock }: TokensApp, body: JsonObject): TokenTerms {
  const usesAllowed = numberIn(body, "uses_allowed", "a non-negative integer or null");
  if (typeof usesAllowed === "number" && usesAllowed < 0) throw invalidParam("uses_allowed must be a non-negative integer or null");
  const expiresTs = numberIn(body, "expiry_time", "an integer or null");
  if (typeof expiresTs === "number" && expiresTs < clock.now()) throw invalidParam("expiry_time must not be in the past");
  return { usesAllowed, expiresTs };
}

function nameIn(body: JsonObject): string | undefined {
  const name = own(body, "token");
  if (name === undefined) return undefined;
  if (typeof name !== "string") throw invalidParam("token must be a string");
  if (name.length === 0 || name.length > MAX_LENGTH)
    throw invalidParam("token must not be empty and must not be longer than 64 characters");
  if (!/^[A-Za-z0-9._~-]+$/.test(name)) throw invalidParam("token must consist only of characters matched by the regex [A-Za-z0-9-_]");
  return name;
}

function lengthIn(body: JsonObject): number {
  const length = own(body, "length") ?? DEFAULT_LENGTH;
  if (typeof length !== "number" || !Number.isSafeInteger(length)) throw invalidParam("length must be an integer");
  if (length < 1 || length > MAX_LENGTH) throw invalidParam("length must be greater than zero and not greater than 64");
  return length;
}

/**
 * `POST /registration_tokens/new`: with a name, or with a random one of some length. Throws 400 M_INVALID_PARAM, for values of a wrong kind,
 * too.
 */
export async function createToken(app: TokensApp, body: JsonObject) {
  const name = nameIn(body);
  const length = lengthIn(body);
  const { usesAllowed = null, expiresTs = null } = termsIn(app, body);
  const terms = { usesAllowed, expiresTs };
  for (let attempt = 0; attempt < (name === undefined ? ATTEMPTS : 1); attempt++) {
    const token = name ?? app.random.string(length, TOKEN_CHARACTERS);
    if (await insertRegistrationToken(app.db, { token, ...terms })) return shown({ token, pending: 0, completed: 0, ...terms });
  }
  throw invalidParam(name === undefined ? "There are no tokens of this length left" : `Token already exists: ${name}`);
}

/** `PUT /registration_tokens/{token}`. */
export async function changeToken(app: TokensApp, token: string, body: JsonObject) {
  const { usesAllowed, expiresTs } = termsIn(app, body);
  const row = await updateRegistrationToken(app.db, token, {
    ...(usesAllowed !== undefined && { usesAllowed }),
    ...(expiresTs !== undefined && { expiresTs }),
  });
  if (!row) throw unknown(token);
  return shown(row);
}

/** `DELETE /registration_tokens/{token}`. */
export async function removeToken(app: TokensApp, token: string): Promise<void> {
  if (!(await deleteRegistrationToken(app.db, token))) throw unknown(token);
}
