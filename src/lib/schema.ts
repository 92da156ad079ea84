import type { ByteReader } from "./byteReader";
import type { JsonObject, JsonValue } from "./json";

/** The subset of JSON Schema that the builders write. */
export type JsonSchema = JsonObject;

/** How one value is read from text, for query strings and path segments. Answers undefined when the text does not fit. */
export interface TextReader {
  readonly read: (text: string) => unknown;
  /** What the text must be, for the error message: `must be an integer`. */
  readonly expected: string;
}

/**
 * A description of a value: JSON Schema for what arrives as JSON, a reader for what arrives as text, and the static type
 * (`Infer<typeof schema>`). Plain data; `lib/validate` compiles it on first use.
 */
export interface Schema<T> {
  readonly json: JsonSchema;
  readonly text?: TextReader;
  /** Present for arrays: how each repetition of a query parameter is read. */
  readonly items?: Schema<unknown>;
  readonly isOptional: boolean;
  /** Carries the static type; never there at run time. */
  readonly type?: T;
}

export interface OptionalSchema<T> extends Schema<T | undefined> {
  readonly isOptional: true;
}

export type Fields = Readonly<Record<string, Schema<unknown>>>;

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K] extends { readonly isOptional: true } ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

export type Infer<S> = S extends Schema<infer T> ? T : never;
export type InferFields<F extends Fields> = Flat<
  { [K in Exclude<keyof F, OptionalKeys<F>>]: Infer<F[K]> } & { [K in OptionalKeys<F>]?: Infer<F[K]> }
>;

export interface ObjectSchema<T> extends Schema<T> {
  readonly fields: Fields;
  /** "form": the body is application/x-www-form-urlencoded instead of JSON. */
  readonly encoding?: "form";
}

function schema<T>(json: JsonSchema, text?: TextReader): Schema<T> & { readonly isOptional: false } {
  return text ? { json, text, isOptional: false } : { json, isOptional: false };
}

/** Unknown fields pass: Matrix is open-ended. */
export function object<F extends Fields>(fields: F): ObjectSchema<InferFields<F>> & { readonly isOptional: false } {
  const keys = Object.keys(fields);
  const required = keys.filter((key) => !fields[key]?.isOptional);
  const properties = Object.fromEntries(keys.map((key) => [key, fields[key]?.json]));
  return { json: { type: "object", properties, required }, fields, isOptional: false };
}

/** An object sent as application/x-www-form-urlencoded, for a route's body. Its fields are read as text. */
export function form<F extends Fields>(fields: F): ObjectSchema<InferFields<F>> & { readonly isOptional: false } {
  return { ...object(fields), encoding: "form" };
}

export interface StreamSchema extends Schema<ByteReader> {
  readonly encoding: "stream";
  readonly isOptional: false;
}

/** A body of any bytes, for a route's body: read while it arrives, at the pace of whoever reads it. */
export function byteStream(): StreamSchema {
  return { json: {}, encoding: "stream", isOptional: false };
}

/** A field that may be absent. Null is not absence: see `nullable`. As a whole body: the body may be empty. */
export function optional<T>(inner: Schema<T>): OptionalSchema<T> {
  return { ...inner, isOptional: true };
}

export function nullable<T>(inner: Schema<T>): Schema<T | null> & { readonly isOptional: false } {
  return schema<T | null>({ anyOf: [{ type: "null" }, inner.json] });
}

export interface StringRules {
  /** In code points. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A regular expression, not anchored. Must not backtrack: the text is a stranger's. */
  readonly pattern?: string;
}

export function string(rules: StringRules = {}): Schema<string> & { readonly isOptional: false } {
  return schema<string>({ type: "string", ...rules }, { read: stringReader(rules), expected: "is not valid" });
}

function stringReader({ minLength = 0, maxLength = Infinity, pattern }: StringRules): TextReader["read"] {
  const expression = pattern === undefined ? undefined : new RegExp(pattern, "u");
  if (minLength === 0 && maxLength === Infinity && !expression) return (text) => text;
  return (text) => {
    const { length } = [...text];
    if (length < minLength || length > maxLength) return undefined;
    return expression && !expression.test(text) ? undefined : text;
  };
}

export interface NumberRules {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A whole number that a double holds exactly. */
export function integer(rules: NumberRules = {}): Schema<number> & { readonly isOptional: false } {
  return schema<number>({ type: "integer", minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER, ...rules });
}

export function number(rules: NumberRules = {}): Schema<number> & { readonly isOptional: false } {
  return schema<number>({ type: "number", ...rules });
}

export function boolean(): Schema<boolean> & { readonly isOptional: false } {
  return schema<boolean>({ type: "boolean" });
}

/** In a query string: one element for each repetition of the parameter, none when it is absent. */
export function array<T>(
  items: Schema<T>,
  rules: { minItems?: number; maxItems?: number } = {},
): Schema<T[]> & { readonly isOptional: false } {
  return { json: { type: "array", items: items.json, ...rules }, items, isOptional: false };
}

/** An object with keys of the client's choosing. Read it with `own` or Object.entries: a key may be `__proto__`. */
export function record<T>(values: Schema<T>): Schema<Record<string, T>> & { readonly isOptional: false } {
  return schema<Record<string, T>>({ type: "object", additionalProperties: values.json });
}

export function oneOf<const T extends readonly (string | number | boolean)[]>(
  ...values: T
): Schema<T[number]> & { readonly isOptional: false } {
  const read = (text: string): unknown => (values.includes(text) ? text : undefined);
  return schema<T[number]>({ enum: [...values] }, { read, expected: `must be one of ${JSON.stringify(values)}` });
}

export function union<S extends readonly Schema<unknown>[]>(...members: S): Schema<Infer<S[number]>> & { readonly isOptional: false } {
  return schema<Infer<S[number]>>({ anyOf: members.map((member) => member.json) });
}

/** Any JSON value at all. */
export function anyJson(): Schema<JsonValue> & { readonly isOptional: false } {
  return schema<JsonValue>({});
}

/** Any JSON object. */
export function anyObject(): Schema<JsonObject> & { readonly isOptional: false } {
  return schema<JsonObject>({ type: "object" });
}

/** Any JSON object, of which some fields are known: those are checked, and the others are there too. */
export function openObject<F extends Fields>(fields: F): Schema<JsonObject & InferFields<F>> & { readonly isOptional: false } {
  return schema<JsonObject & InferFields<F>>(object(fields).json);
}

/** A field that may be absent, or null, which some clients send for the same. */
export function maybe<T>(inner: Schema<T>): OptionalSchema<T | null> {
  return optional(nullable(inner));
}

/** A whole number as text, for query strings: `limit=10`. */
export function integerText({ minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER }: NumberRules = {}) {
  const read = (text: string): unknown => {
    if (!/^\s*[+-]?\d+\s*$/.test(text)) return undefined;
    const value = Number(text);
    return value >= minimum && value <= maximum ? value : undefined;
  };
  const bounded = minimum > Number.MIN_SAFE_INTEGER || maximum < Number.MAX_SAFE_INTEGER;
  const expected = bounded ? `must be an integer from ${minimum} to ${maximum}` : "must be an integer";
  return schema<number>({ type: "string" }, { read, expected });
}

/** `true` or `false` as text, for query strings. */
export function booleanText(): Schema<boolean> & { readonly isOptional: false } {
  const read = (text: string): unknown => (text === "true" ? true : text === "false" ? false : undefined);
  return schema<boolean>({ type: "string" }, { read, expected: "must be one of ['true', 'false']" });
}
