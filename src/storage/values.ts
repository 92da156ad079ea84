import type { PostgresType } from "postgres";
import type { Param } from "./db";

/**
 * Values on their way to and from PostgreSQL. Parameters are turned into text here, all of them, and the driver passes
 * them on untouched: it guesses types from the first element of an array, which fails for empty ones, for null, and for
 * booleans. The server knows the type of each parameter from the statement; an array needs a cast in the SQL.
 *
 * Text cannot hold U+0000 and the server refuses it (22021). JSON text keeps that character escaped, so events may contain
 * it as long as their JSON lies in a text column (or json; jsonb refuses the escape too, with 22P05).
 */
export function encodeParam(value: Param): string | null {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "bigint":
      return String(value);
    case "boolean":
      return value ? "t" : "f";
    case "undefined":
      return null;
  }
  if (value === null) return null;
  if (value instanceof Uint8Array) return bytes(value);
  if (Array.isArray(value)) return encodeArray(value);
  if (ArrayBuffer.isView(value)) return `{${value.join(",")}}`;
  throw new TypeError("an object is no parameter: pass JSON text, with a cast to jsonb where needed");
}

function bytes(value: Uint8Array): string {
  return "\\x" + Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
}

const special = /["\\]/;

function encodeArray(values: readonly unknown[]): string {
  let out = "{";
  for (let i = 0; i < values.length; i++) {
    if (i > 0) out += ",";
    const value = values[i];
    if (typeof value === "string") {
      // Always in quotes: empty text, "NULL", braces, commas and blanks mean something without.
      out += special.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : `"${value}"`;
    } else if (value === null || value === undefined) out += "NULL";
    else if (value instanceof Uint8Array) out += `"\\${bytes(value)}"`;
    else if (typeof value === "object") throw new TypeError("an array parameter holds an object: pass JSON text");
    else out += encodeParam(value as Param);
  }
  return out + "}";
}

/** int8 and numeric. An id past 2^53 would silently become another one. */
function safeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw new RangeError(`the database returned ${text}, which is past 2^53`);
  return value;
}

type Parse = (text: string) => unknown;

/** Parses an array literal of the server: `{1,NULL,"a\"b",{...}}`. */
function arrayOf(parse: Parse): Parse {
  return (text) => {
    if (text === "{}") return [];
    // A lower bound other than 1 is written in front: `[0:2]={...}`.
    const start = text.charCodeAt(0) === 91 ? text.indexOf("=") + 1 : 0;
    const plain = start === 0 && !text.includes('"') && text.lastIndexOf("{") === 0;
    if (plain)
      return text
        .slice(1, -1)
        .split(",")
        .map((item) => (item === "NULL" ? null : parse(item)));
    return parseArray(text, start, parse).values;
  };
}

function parseArray(text: string, open: number, parse: Parse): { values: unknown[]; end: number } {
  const values: unknown[] = [];
  let at = open + 1;
  while (text[at] !== "}") {
    if (text[at] === "{") {
      const inner = parseArray(text, at, parse);
      values.push(inner.values);
      at = inner.end;
    } else if (text[at] === '"') {
      let end = at + 1;
      while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
      values.push(parse(text.slice(at + 1, end).replace(/\\(.)/gs, "$1")));
      at = end + 1;
    } else {
      let end = at;
      while (text[end] !== "," && text[end] !== "}") end++;
      const item = text.slice(at, end);
      values.push(item === "NULL" ? null : parse(item));
      at = end;
    }
    if (text[at] === ",") at++;
  }
  return { values, end: at + 1 };
}

const identity = (value: unknown): unknown => value;
const text: Parse = (value) => value;
const bool: Parse = (value) => value === "t";
const bytea: Parse = (value) => Buffer.from(value.slice(2), "hex");
const json: Parse = (value) => JSON.parse(value);

/** [oid, oid of the array of it, parser]: `select oid, typarray, typname from pg_type`. Types not listed arrive as text. */
const known: readonly (readonly [number, number, Parse])[] = [
  [16, 1000, bool],
  [17, 1001, bytea],
  [18, 1002, text],
  [19, 1003, text],
  [20, 1016, safeNumber],
  [21, 1005, Number],
  [23, 1007, Number],
  [25, 1009, text],
  [26, 1028, Number],
  [114, 199, json],
  [700, 1021, Number],
  [701, 1022, Number],
  [1043, 1015, text],
  [1082, 1182, text],
  [1114, 1115, text],
  [1184, 1185, text],
  [1700, 1231, safeNumber],
  [2950, 2951, text],
  [3802, 3807, json],
];

/** The driver's type table. All its serializers are replaced: parameters are text already. */
export function driverTypes(): Record<string, PostgresType> {
  const types: Record<string, PostgresType> = {};
  for (const [oid, arrayOid, parse] of known) {
    types[`t${oid}`] = { to: oid, from: [oid], serialize: identity, parse };
    types[`t${arrayOid}`] = { to: arrayOid, from: [arrayOid], serialize: identity, parse: arrayOf(parse) };
  }
  return types;
}
