import { isUtf8 } from "node:buffer";

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

/** Why a text was refused: not JSON, not UTF-8, a string that UTF-8 cannot carry, or nested deeper than the limit. */
export type JsonErrorReason = "syntax" | "encoding" | "surrogate" | "depth";

export class JsonError extends Error {
  constructor(
    readonly reason: JsonErrorReason,
    message: string,
  ) {
    super(message);
  }
}

export interface ParseOptions {
  /** How many objects and arrays may lie inside each other. */
  readonly maxDepth?: number;
}

/** Deep enough for anything real, shallow enough for every recursive function that meets the value later. */
export const MAX_JSON_DEPTH = 500;

/**
 * Parses JSON from outside. Bytes must be UTF-8; strings with lone surrogates are refused, since no canonical form of them exists.
 * Keys such as `__proto__` become own properties: read keys that others choose with `own`. Throws JsonError.
 */
export function parseJson(text: string | Buffer, options: ParseOptions = {}): JsonValue {
  const source = decode(text);
  checkDepth(source, options.maxDepth ?? MAX_JSON_DEPTH);
  let value: JsonValue;
  try {
    value = JSON.parse(source) as JsonValue;
  } catch (error) {
    throw new JsonError("syntax", error instanceof Error ? error.message : "not JSON");
  }
  // A lone surrogate can only come in by an escape, as the text itself is well-formed.
  if (SURROGATE_ESCAPE.test(source) && hasLoneSurrogate(value)) throw new JsonError("surrogate", "string with a lone surrogate");
  return value;
}

/** The own property of an object, or undefined: keys like `constructor` must not reach the prototype. */
export function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A JSON object: neither null, an array nor a number kept as text. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

/**
 * A number that a double would change, as its source text: integers beyond 2^53 and everything with a fraction or an exponent.
 * Only `parseLosslessJson` makes them. To the type system it is an object, so code that expects a number sees a value of the wrong type.
 */
export class JsonNumber implements JsonObject {
  [key: string]: JsonValue | undefined;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

// Outside of the class body, where the index signature forbids methods.
Object.defineProperty(JsonNumber.prototype, "toJSON", {
  value(this: JsonNumber): number {
    return Number(this.text);
  },
});

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The text of UTF-8 bytes, or the text itself, checked to be well-formed Unicode. */
export function decode(text: string | Buffer): string {
  if (typeof text === "string") {
    if (LONE_SURROGATE.test(text)) throw new JsonError("surrogate", "text with a lone surrogate");
    return text;
  }
  if (!isUtf8(text)) throw new JsonError("encoding", "not UTF-8");
  return text.toString("utf8");
}

/** JSON.parse itself copes with any depth, but what walks the value afterwards does not. */
function checkDepth(source: string, maxDepth: number): void {
  if (countUpTo(source, "{", maxDepth) + countUpTo(source, "[", maxDepth) <= maxDepth) return;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < source.length; i++) {
    const c = source.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth) throw new JsonError("depth", `nested deeper than ${maxDepth}`);
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}

function countUpTo(source: string, needle: string, limit: number): number {
  let count = 0;
  for (let at = source.indexOf(needle); at >= 0 && count <= limit; at = source.indexOf(needle, at + 1)) count++;
  return count;
}

function hasLoneSurrogate(value: JsonValue | undefined): boolean {
  if (typeof value === "string") return LONE_SURROGATE.test(value);
  if (Array.isArray(value)) return value.some(hasLoneSurrogate);
  if (typeof value !== "object" || value === null) return false;
  return Object.keys(value).some((key) => LONE_SURROGATE.test(key) || hasLoneSurrogate(value[key]));
}
