import { type JsonObject, type JsonValue, JsonNumber } from "./json";

/**
 * Canonical JSON (specification: appendices, "Canonical JSON"): keys in order of code points, no white space, shortest escapes.
 * A JsonNumber keeps its text, so that hashes of old rooms verify. Keys whose value is undefined are left out.
 */
export function canonicalJson(value: JsonValue): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return numberText(value);
    case "boolean":
      return value ? "true" : "false";
    default:
      if (value === null) return "null";
      if (Array.isArray(value)) return arrayText(value);
      return value instanceof JsonNumber ? value.text : objectText(value);
  }
}

/** The keys of an object in canonical order. */
export function canonicalKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  // Sorting by UTF-16 unit differs from code points only where a surrogate meets U+E000 to U+FFFF.
  for (let i = 1; i < keys.length; i++) {
    if ((keys[i] as string) < (keys[i - 1] as string)) {
      keys.sort();
      break;
    }
  }
  return keys.length > 1 && keys.some(hasSurrogate) ? keys.sort(byCodePoint) : keys;
}

/** A JSON string literal in its shortest form. */
export function quote(text: string): string {
  return NEEDS_CARE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Whether version 6 and later take the value: integers within ±(2^53 − 1) only, no fraction, exponent or `-0`. */
export function isCanonicalValue(value: JsonValue | undefined): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0);
  if (typeof value !== "object" || value === null) return true;
  if (value instanceof JsonNumber) return false;
  if (Array.isArray(value)) return value.every(isCanonicalValue);
  for (const key in value) if (!isCanonicalValue(value[key])) return false;
  return true;
}

const NEEDS_CARE = /["\\\u0000-\u001f\ud800-\udfff]/;
const SURROGATE = /[\ud800-\udfff]/;
const hasSurrogate = (text: string): boolean => SURROGATE.test(text);

/** Infinity can come out of JSON.parse ("1e400"); like JSON.stringify, print what is still JSON. */
function numberText(value: number): string {
  if (value === 0) return "0";
  if (Number.isInteger(value) && Math.abs(value) >= 1e21) return BigInt(value).toString();
  return Number.isFinite(value) ? String(value) : "null";
}

function arrayText(items: readonly JsonValue[]): string {
  let text = "[";
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ",";
    text += canonicalJson(items[i] ?? null);
  }
  return text + "]";
}

function objectText(object: JsonObject): string {
  let text = "";
  for (const key of canonicalKeys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    text += `${text === "" ? "{" : ","}${quote(key)}:${canonicalJson(value)}`;
  }
  return text === "" ? "{}" : text + "}";
}

function byCodePoint(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all others.
    const xHigh = (x & 0xf800) === 0xd800;
    const yHigh = (y & 0xf800) === 0xd800;
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1;
  }
  return a.length - b.length;
}
