import { MatrixError } from "../../errors";
import { type JsonObject, type JsonValue, isJsonObject, own } from "../../lib/json";

const malformed = (what: string): MatrixError => new MatrixError(502, "M_UNKNOWN", `Another server answered without ${what}`);

/** A member of another server's answer that has to be an object. Throws 502. */
export function objectIn(answer: JsonObject, key: string): JsonObject {
  const value = own(answer, key);
  if (!isJsonObject(value)) throw malformed(key);
  return value;
}

/** A member that has to be an array. Throws 502. */
export function arrayIn(answer: JsonObject, key: string): JsonValue[] {
  const value = own(answer, key);
  if (!Array.isArray(value)) throw malformed(key);
  return value;
}

/** The strings of a member that should be an array of them. */
export function idsIn(answer: JsonObject, key: string): string[] {
  return arrayIn(answer, key).filter((id) => typeof id === "string");
}

export function textIn(answer: JsonObject, key: string): string | undefined {
  const value = own(answer, key);
  return typeof value === "string" ? value : undefined;
}
