import Ajv from "ajv";
import type { ErrorObject } from "ajv";
import type { JsonValue } from "../lib/json";
import type { ConfigProblem } from "./problems";
import { describeValue } from "./problems";
import type { SchemaNode } from "./schema";
import { parseDuration, parseSize } from "./units";

/**
 * Checks normalised values against the schema and fills in defaults, in place. Returns what is wrong. Only the keys that are
 * given are compiled: all of them would cost a fifth of the time in which a server starts.
 */
export function validate(root: SchemaNode, values: Record<string, unknown>): Omit<ConfigProblem, "file">[] {
  const entries = Object.entries(root.properties ?? {});
  const given = Object.fromEntries(entries.filter(([key]) => Object.hasOwn(values, key)));
  const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false, validateSchema: false });
  const check = ajv.compile(plainSchema({ ...root, properties: given }) as object);
  const isValid = check(values);
  for (const [key, node] of entries) {
    if (Object.hasOwn(values, key) || node["x-status"] !== undefined) continue;
    const value = completeDefault(node);
    if (value !== undefined) values[key] = value;
  }
  return isValid ? [] : findings(check.errors ?? []);
}

function findings(errors: readonly ErrorObject[]): Omit<ConfigProblem, "file">[] {
  const problems = new Map<string, Omit<ConfigProblem, "file">>();
  for (const error of errors) {
    const problem = describe(error);
    // alternatives report each branch, then the whole: the whole says it best
    if (!problems.has(problem.key) || error.keyword === "anyOf") problems.set(problem.key, problem);
  }
  return [...problems.values()];
}

/** The default of a key with the defaults of what lies within, as ajv fills them in. */
function completeDefault(node: SchemaNode): unknown {
  return node.default === undefined ? undefined : completed(node, plainDefault(node, node.default));
}

function completed(node: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (node.items === undefined ? item : completed(node.items, item)));
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = { ...value };
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const known = child["x-status"] === undefined && child["x-secretFor"] === undefined;
    const filled = Object.hasOwn(result, key) ? completed(child, result[key]) : known ? completeDefault(child) : undefined;
    if (filled !== undefined) result[key] = filled;
  }
  return result;
}

/** The schema of normalised values: no retired keys, no units, defaults in ms and bytes. */
export function plainSchema(node: SchemaNode): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const key of ["type", "enum", "minimum", "maximum", "minLength", "required"] as const) {
    if (node[key] !== undefined) plain[key] = node[key];
  }
  if (node.default !== undefined) plain["default"] = plainDefault(node, node.default);
  if (node.items !== undefined) plain["items"] = plainSchema(node.items);
  if (node.anyOf !== undefined) plain["anyOf"] = node.anyOf.map(plainSchema);
  if (typeof node.additionalProperties === "object") plain["additionalProperties"] = plainSchema(node.additionalProperties);
  if (node.properties !== undefined) {
    const honoured = Object.entries(node.properties).filter(
      ([, child]) => child["x-status"] === undefined && child["x-secretFor"] === undefined,
    );
    plain["properties"] = Object.fromEntries(honoured.map(([key, child]) => [key, plainSchema(child)]));
  }
  return plain;
}

function plainDefault(node: SchemaNode, value: JsonValue): unknown {
  if (node["x-duration"] === true) return parseDuration(value);
  if (node["x-size"] === true) return parseSize(value);
  if (Array.isArray(value)) return value.map((item) => (node.items === undefined ? item : plainDefault(node.items, item)));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, plainDefault(node.properties?.[key] ?? {}, child ?? null)]),
    );
  }
  return value;
}

function describe(error: ErrorObject): Omit<ConfigProblem, "file"> {
  const path = dotted(error.instancePath);
  if (error.keyword === "required") {
    const missing = String(error.params["missingProperty"]);
    return { key: path === "" ? missing : `${path}.${missing}`, wanted: "must be given" };
  }
  return { key: path, found: describeValue(path, error.data), wanted: describeWanted(error.parentSchema as SchemaNode) };
}

/** `/listeners/0/port` in the notation of the documentation: `listeners[0].port`. */
function dotted(pointer: string): string {
  const parts = pointer
    .split("/")
    .slice(1)
    .map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"));
  return parts.map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`)).join("");
}

const words: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  null: "nothing",
};

/** What a schema asks for, in words. */
export function describeWanted(node: SchemaNode): string {
  if (node.enum !== undefined) return `one of ${node.enum.map((value) => String(value)).join(", ")}`;
  if (node.anyOf !== undefined) return node.anyOf.map(describeWanted).join(" or ");
  const types = node.type === undefined ? [] : typeof node.type === "string" ? [node.type] : node.type;
  const items = node.items === undefined ? "" : plural(node.items);
  const described = types.map((type) => (words[type] ?? type) + (type === "array" ? items : "")).join(" or ");
  if (node.minimum !== undefined && node.maximum !== undefined) return `${described} from ${node.minimum} to ${node.maximum}`;
  if (node.minimum !== undefined) return `${described}, at least ${node.minimum}`;
  if (node.minLength !== undefined) return `${described} that is not empty`;
  return described;
}

function plural(items: SchemaNode): string {
  return items.type === "string" ? " of texts" : items.type === "object" ? " of mappings" : "";
}
