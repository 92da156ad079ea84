import type { Config } from "../../config/config";
import type { Flow } from "../auth/uia/types";

/** The ways to register that the configuration leaves open. Stages that are demanded of everybody come first in each. */
export function registrationFlows(config: Config): Flow[] {
  const required = new Set(config.registrations_require_3pid);
  const email = config.email !== undefined;
  const msisdn = config.account_threepid_delegates.msisdn !== undefined && !config.disable_msisdn_registration;
  const needsEmail = required.has("email");
  const needsMsisdn = required.has("msisdn");

  const ways: string[][] = [];
  if (!needsEmail && !needsMsisdn) ways.push(["m.login.dummy"]);
  if (!needsMsisdn && email) ways.push(["m.login.email.identity"]);
  if (msisdn) {
    if (!needsEmail) ways.push(["m.login.msisdn"]);
    if (email) ways.push(["m.login.msisdn", "m.login.email.identity"]);
  }
  const first: string[] = [];
  if (config.registration_requires_token) first.push("m.login.registration_token");
  if (config.enable_registration_captcha) first.push("m.login.recaptcha");
  if (config.user_consent?.require_at_registration) first.push("m.login.terms");
  return ways.map((way) => [...first, ...way]);
}
