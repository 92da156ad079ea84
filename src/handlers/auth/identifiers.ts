import { badJson, MatrixError, missingParam } from "../../errors";
import { callingCodes } from "../../lib/callingCodes";
import type { JsonObject } from "../../lib/json";

/** Whom somebody says they are (specification: Identifier types). */
export type Identifier =
  { readonly kind: "user"; readonly user: string } | { readonly kind: "threepid"; readonly medium: string; readonly address: string };

const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

function text(object: JsonObject, key: string): string {
  const value = object[key];
  if (value === undefined) throw missingParam(`Missing params: ['${key}']`);
  if (typeof value !== "string") throw badJson(`${key} must be a string`);
  return value;
}

/** Mail addresses are kept in lower case. Throws 400 M_INVALID_PARAM for what cannot be one. */
export function canonicalEmail(address: string): string {
  const trimmed = address.trim();
  if (!/^[^@\s]+@[^@\s]+$/.test(trimmed) || trimmed.length > 500) {
    throw new MatrixError(400, "M_INVALID_PARAM", "Unable to parse email address");
  }
  return trimmed.toLowerCase();
}

/**
 * A phone number as digits with the country's code, without "+" (specification: appendices, 3PID types). `country` is an ISO 3166
 * code for numbers written as at home.
 */
export function canonicalPhone(country: string, number: string): string {
  const plain = number.replace(/[\s\-().]/g, "");
  const refuse = (): MatrixError => new MatrixError(400, "M_INVALID_PARAM", "Unable to parse phone number");
  if (!/^\+?[0-9]{4,18}$/.test(plain)) throw refuse();
  if (plain.startsWith("+")) return plain.slice(1);
  if (plain.startsWith("00")) return plain.slice(2);
  const code = callingCodes.get(country.toUpperCase());
  if (code === undefined) throw refuse();
  return code + plain.replace(/^0/, "");
}

export function canonicalAddress(medium: string, address: string): string {
  return medium === "email" ? canonicalEmail(address) : address;
}

/** Reads `identifier`, or the fields that came before it: `user`, or `medium` with `address`. */
export function readIdentifier(body: JsonObject): Identifier {
  const { identifier } = body;
  if (identifier === undefined) {
    if (body["medium"] !== undefined && body["address"] !== undefined) {
      const medium = text(body, "medium");
      return { kind: "threepid", medium, address: canonicalAddress(medium, text(body, "address")) };
    }
    return { kind: "user", user: text(body, "user") };
  }
  if (!isObject(identifier)) throw badJson("identifier must be an object");
  switch (text(identifier, "type")) {
    case "m.id.user":
      return { kind: "user", user: text(identifier, "user") };
    case "m.id.thirdparty": {
      const medium = text(identifier, "medium");
      return { kind: "threepid", medium, address: canonicalAddress(medium, text(identifier, "address")) };
    }
    case "m.id.phone": {
      const number = text(identifier, identifier["phone"] === undefined ? "number" : "phone");
      return { kind: "threepid", medium: "msisdn", address: canonicalPhone(text(identifier, "country"), number) };
    }
    default:
      throw new MatrixError(400, "M_UNKNOWN", "Unknown login identifier type");
  }
}
