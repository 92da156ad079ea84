import Ajv, { type ErrorObject, type ValidateFunction } from "ajv";
import type { Fields, ObjectSchema, Schema } from "./schema";

/** Why a value does not fit its schema. `path` names the offending field in dots, empty for the value itself. */
export interface SchemaFailure {
  readonly kind: "missing" | "invalid";
  readonly path: string;
  /** What is wrong with the field: `must be a string`. */
  readonly message: string;
}

/** A value that fits, or the first reason why it does not. */
export type Checked<T> = { readonly value: T } | { readonly failure: SchemaFailure };

/** Looks for the first failure of a JSON value. Made once per schema; compiles it at the first call. */
export type Validator = (value: unknown) => SchemaFailure | undefined;

/** Makes a validator for values that arrived as JSON. Nothing is coerced, and the value is left as it is. */
export function validator(schema: Schema<unknown>): Validator {
  let check: ValidateFunction | undefined;
  return (value) => {
    check ??= new Ajv({ strict: false, meta: false, validateSchema: false }).compile(schema.json);
    if (check(value)) return undefined;
    return describe(check.errors ?? []);
  };
}

/** Of a failed union ajv reports each member; the last error is the one of the union itself. */
function describe(errors: readonly ErrorObject[]): SchemaFailure {
  const error = errors.at(-1);
  if (!error) return { kind: "invalid", path: "", message: "is not valid" };
  const path = error.instancePath.slice(1).split("/").filter(Boolean).map(unescapePointer);
  if (error.keyword === "required") {
    const missing = [...path, String(error.params["missingProperty"])].join(".");
    return { kind: "missing", path: missing, message: "is required" };
  }
  const allowed: unknown = error.params["allowedValues"];
  const message = Array.isArray(allowed) ? `must be one of ${JSON.stringify(allowed)}` : (error.message ?? "is not valid");
  return { kind: "invalid", path: path.join("."), message };
}

function unescapePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** Gives all values of a text field, in order: the repetitions of a query parameter. */
export type TextSource = (name: string) => readonly string[] | undefined;

/** Reads an object whose fields are text: a query string, a form, path segments. Of a repeated parameter the first one counts. */
export function readText<T>(schema: ObjectSchema<T>, source: TextSource): Checked<T> {
  const value: Record<string, unknown> = {};
  const fields: Fields = schema.fields;
  for (const name in fields) {
    const field = fields[name];
    if (!field) continue;
    const texts = source(name);
    const failure = field.items ? readAll(name, field, texts, value) : readOne(name, field, texts?.[0], value);
    if (failure) return { failure };
  }
  return { value: value as T };
}

function readOne(name: string, field: Schema<unknown>, text: string | undefined, out: Record<string, unknown>): SchemaFailure | undefined {
  if (text === undefined) return field.isOptional ? undefined : { kind: "missing", path: name, message: "is required" };
  if (!field.text) throw new Error(`the schema of ${name} cannot be read from text`);
  const value = field.text.read(text);
  if (value === undefined) return { kind: "invalid", path: name, message: field.text.expected };
  out[name] = value;
  return undefined;
}

function readAll(
  name: string,
  field: Schema<unknown>,
  texts: readonly string[] | undefined,
  out: Record<string, unknown>,
): SchemaFailure | undefined {
  if (!texts) {
    if (!field.isOptional) out[name] = [];
    return undefined;
  }
  const reader = field.items?.text;
  if (!reader) throw new Error(`the schema of ${name} cannot be read from text`);
  const values = texts.map((text) => reader.read(text));
  if (values.includes(undefined)) return { kind: "invalid", path: name, message: reader.expected };
  out[name] = values;
  return undefined;
}
