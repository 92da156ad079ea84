import { MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";

export interface PasswordPolicy {
  readonly enabled: boolean;
  readonly minimum_length: number;
  readonly require_digit: boolean;
  readonly require_symbol: boolean;
  readonly require_lowercase: boolean;
  readonly require_uppercase: boolean;
}

const MAX_PASSWORD_CHARACTERS = 512;

const refuse = (errcode: string, message: string): MatrixError => new MatrixError(400, errcode, message);

/** Throws when the password is too long for the server or breaks the operator's policy (MSC2000). Lengths are in code points. */
export function checkPasswordPolicy(policy: PasswordPolicy, password: string): void {
  const length = [...password].length;
  if (length > MAX_PASSWORD_CHARACTERS) throw refuse("M_INVALID_PARAM", `Password is longer than ${MAX_PASSWORD_CHARACTERS} characters`);
  if (!policy.enabled) return;
  if (length < policy.minimum_length) {
    throw refuse("M_PASSWORD_TOO_SHORT", `The password must be at least ${policy.minimum_length} characters long`);
  }
  if (policy.require_digit && !/\p{Nd}/u.test(password))
    throw refuse("M_PASSWORD_NO_DIGIT", "The password must include at least one digit");
  if (policy.require_symbol && !/[^\p{L}\p{N}]/u.test(password)) {
    throw refuse("M_PASSWORD_NO_SYMBOL", "The password must include at least one symbol");
  }
  if (policy.require_lowercase && !/\p{Ll}/u.test(password)) {
    throw refuse("M_PASSWORD_NO_LOWERCASE", "The password must include at least one lowercase letter");
  }
  if (policy.require_uppercase && !/\p{Lu}/u.test(password)) {
    throw refuse("M_PASSWORD_NO_UPPERCASE", "The password must include at least one uppercase letter");
  }
}

/** The answer of GET /password_policy: only rules that are in force. */
export function describePolicy(policy: PasswordPolicy): JsonObject {
  if (!policy.enabled) return {};
  return {
    ...(policy.minimum_length > 0 && { "m.minimum_length": policy.minimum_length }),
    ...(policy.require_digit && { "m.require_digit": true }),
    ...(policy.require_symbol && { "m.require_symbol": true }),
    ...(policy.require_lowercase && { "m.require_lowercase": true }),
    ...(policy.require_uppercase && { "m.require_uppercase": true }),
  };
}
