import { createHmac, createVerify, timingSafeEqual, verify as verifySignature } from "node:crypto";
import { forbidden } from "../../errors";
import { isJsonObject } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { getUser } from "../../storage/users";
import { createAccount } from "../account/createAccount";
import { checkLocalpart, qualify } from "../account/usernames";
import type { AccountsApp } from "./accounts";

const DIGESTS: Readonly<Record<string, string>> = { "256": "sha256", "384": "sha384", "512": "sha512" };

const wrong = (message: string) => forbidden(`JWT validation failed: ${message}`);

function decodePart(part: string): JsonObject {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (isJsonObject(value)) return value;
  } catch {
    // Falls through: not JSON.
  }
  throw wrong("the token is malformed");
}

function isSignedBy(algorithm: string, key: string, signed: string, signature: Buffer): boolean {
  if (algorithm === "EdDSA") return verifySignature(null, Buffer.from(signed), key, signature);
  const digest = DIGESTS[algorithm.slice(2)];
  if (digest === undefined) return false;
  switch (algorithm.slice(0, 2)) {
    case "HS": {
      const wanted = createHmac(digest, key).update(signed).digest();
      return wanted.length === signature.length && timingSafeEqual(wanted, signature);
    }
    case "RS":
      return createVerify(digest).update(signed).verify(key, signature);
    case "PS":
      // RSA_PKCS1_PSS_PADDING, with salts as long as the digest.
      return createVerify(digest).update(signed).verify({ key, padding: 6, saltLength: -1 }, signature);
    case "ES":
      return createVerify(digest).update(signed).verify({ key, dsaEncoding: "ieee-p1363" }, signature);
  }
  return false;
}

/** Reads a signed token. Only the configured algorithm counts, whatever the header says. Throws 403 M_FORBIDDEN. */
export function readJwt(config: AccountsApp["config"]["jwt_config"], token: string, nowMs: number): JsonObject {
  const [head = "", payload = "", signature = "", ...more] = token.split(".");
  const { algorithm, secret } = config;
  if (more.length > 0 || algorithm === undefined || secret === undefined) throw wrong("the token is malformed");
  if (decodePart(head)["alg"] !== algorithm) throw wrong("the algorithm is not the expected one");
  let signed = false;
  try {
    signed = isSignedBy(algorithm, secret, `${head}.${payload}`, Buffer.from(signature, "base64url"));
  } catch {
    signed = false;
  }
  if (!signed) throw wrong("bad signature");
  const claims = decodePart(payload);
  const now = nowMs / 1000;
  const { exp, nbf, iss, aud } = claims;
  if (exp !== undefined && (typeof exp !== "number" || exp < now)) throw wrong("the token has expired");
  if (nbf !== undefined && (typeof nbf !== "number" || nbf > now)) throw wrong("the token is not valid yet");
  if (config.issuer !== undefined && iss !== config.issuer) throw wrong("wrong issuer");
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (config.audiences ? !audiences.some((one) => typeof one === "string" && config.audiences?.includes(one)) : aud !== undefined) {
    throw wrong("wrong audience");
  }
  return claims;
}

/** Logs in by a token that somebody else signed (`jwt_config`); makes the account at the first time. Gives the user id. */
export async function loginWithJwt(app: AccountsApp, token: string): Promise<string> {
  const config = app.config.jwt_config;
  const claims = readJwt(config, token, app.clock.now());
  const subject = claims[config.subject_claim];
  if (typeof subject !== "string" || subject === "") throw wrong("the subject is missing");
  const userId = qualify(subject.toLowerCase(), app.serverName);
  if (await getUser(app.db, userId)) return userId;
  checkLocalpart(subject.toLowerCase(), { serverName: app.serverName, numeric: "allowed", underscore: "allowed" });
  const name = config.display_name_claim === undefined ? undefined : claims[config.display_name_claim];
  await createAccount(app, userId, typeof name === "string" ? { displayname: name } : {});
  await app.hooks.userRegistered(userId, { isGuest: false });
  return userId;
}
