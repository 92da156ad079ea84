import { badJson, missingParam, MatrixError } from "../../../../errors";
import type { JsonObject } from "../../../../lib/json";
import type { AccountsApp } from "../../accounts";
import { requireValidated } from "../../../account/threepidSessions";
import type { Stage } from "../types";

function credentialsOf(auth: JsonObject): { sid: string; clientSecret: string } {
  const given = auth["threepid_creds"] ?? auth["threepidCreds"];
  if (given === undefined) throw missingParam("Missing param: threepid_creds");
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw badJson("threepid_creds must be an object");
  const sid = given["sid"];
  const clientSecret = given["client_secret"] ?? given["clientSecret"];
  if (typeof sid !== "string" || typeof clientSecret !== "string") throw missingParam("Missing params: ['sid', 'client_secret']");
  return { sid, clientSecret };
}

async function check(app: AccountsApp, auth: JsonObject, medium: "email" | "msisdn"): Promise<JsonObject> {
  const validated = await requireValidated(app, credentialsOf(auth), medium);
  if (validated.medium !== medium) throw new MatrixError(401, "M_UNAUTHORIZED", `Expected a validated ${medium}`);
  return { medium, address: validated.address, validated_at: validated.validatedAt, sid: validated.sessionId ?? null };
}

/** A mail address that was validated by the link in a mail (`.../requestToken`). Its result is the address. */
export const emailStage: Stage = {
  type: "m.login.email.identity",
  failsPlainly: true,
  isEnabled: ({ config }) => config.email !== undefined,
  check: (app, auth) => check(app, auth, "email"),
};

/** A phone number that the delegate of account_threepid_delegates.msisdn validated. */
export const msisdnStage: Stage = {
  type: "m.login.msisdn",
  failsPlainly: true,
  isEnabled: ({ config }) => config.account_threepid_delegates.msisdn !== undefined,
  check: (app, auth) => check(app, auth, "msisdn"),
};
