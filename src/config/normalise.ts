import { nearest } from "./nearest";
import type { ConfigProblem } from "./problems";
import { describeValue } from "./problems";
import type { SchemaNode } from "./schema";
import { readSecret } from "./secrets";
import type { SecretContext } from "./secrets";
import { parseDuration, parseSize } from "./units";

export interface NormaliseContext extends SecretContext {
  readonly problem: (problem: Omit<ConfigProblem, "file">) => void;
  readonly warn: (problem: Omit<ConfigProblem, "file">) => void;
}

type Mapping = Record<string, unknown>;

/** Stands for "as if not given". */
const ABSENT = Symbol("absent");

/**
 * Brings the mapping of a whole file into the form which the schema describes with plain types: durations in ms, sizes in
 * bytes, lists of one, secrets out of their files; empty values and keys that have no effect are left out. What is wrong
 * with single values is reported and left out too, so that validation does not report it again.
 */
export function normalise(node: SchemaNode, value: Mapping, context: NormaliseContext): Mapping {
  return normaliseMapping(node, value, "", context);
}

function normaliseMapping(node: SchemaNode, value: Mapping, path: string, context: NormaliseContext): Mapping {
  const result: Mapping = {};
  for (const [key, child] of Object.entries(value)) {
    if (child === null && !typesOf(ownNode(node, key)).includes("null")) continue;
    const childPath = path === "" ? key : `${path}.${key}`;
    const childNode = ownNode(node, key);
    if (childNode === undefined) {
      if (node.additionalProperties === true) result[key] = child;
      else context.warn({ key: childPath, wanted: unknownKey(node, key) });
      continue;
    }
    const found = childNode["x-secretFor"] === undefined ? visit(childNode, child, childPath, context) : ABSENT;
    if (found !== ABSENT) result[key] = found;
  }
  for (const [key, childNode] of Object.entries(node.properties ?? {})) {
    const sibling = childNode["x-secretFor"];
    if (sibling === undefined) continue;
    if (context.noSecretsInConfig && result[sibling] !== undefined) {
      const inline = path === "" ? sibling : `${path}.${sibling}`;
      context.problem({ key: inline, wanted: `secrets may not stand in the configuration (--no-secrets-in-config): use ${key}` });
    }
    if (value[key] === undefined || value[key] === null) continue;
    const secret = readSecret(
      { node: childNode, path: path === "" ? key : `${path}.${key}`, sibling, siblings: result },
      value[key],
      context,
    );
    if (secret !== undefined) result[sibling] = secret;
  }
  return result;
}

function ownNode(node: SchemaNode, key: string): SchemaNode | undefined {
  if (node.properties !== undefined && Object.hasOwn(node.properties, key)) return node.properties[key];
  return typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
}

function unknownKey(node: SchemaNode, key: string): string {
  const known = Object.entries(node.properties ?? {}).filter(([, child]) => child["x-status"] === undefined);
  const near = nearest(
    key,
    known.map(([name]) => name),
  );
  return near === undefined ? "unknown key, ignored" : `unknown key, ignored; did you mean ${near}?`;
}

function visit(node: SchemaNode, value: unknown, path: string, context: NormaliseContext): unknown {
  const status = node["x-status"];
  if (status !== undefined) {
    retired(node, value, path, context);
    return ABSENT;
  }
  if (value === null) return null;
  if (node["x-duration"] === true)
    return scaled(parseDuration(value), "a duration such as 30s, 5m, 1h, 7d, or milliseconds", { value, path, context });
  if (node["x-size"] === true) return scaled(parseSize(value), "a size such as 10K, 50M, 1G, or a number", { value, path, context });
  const types = typesOf(node);
  if (node["x-list"] === true && !Array.isArray(value)) return visit({ ...node, "x-list": false }, [value], path, context);
  if (types.includes("array") && Array.isArray(value)) return normaliseList(node, value, path, context);
  if (types.includes("object") && typeof value === "object" && !Array.isArray(value)) {
    return normaliseMapping(node, value as Mapping, path, context);
  }
  return coerce(node, value);
}

function normaliseList(node: SchemaNode, value: readonly unknown[], path: string, context: NormaliseContext): unknown[] {
  const items = node.items;
  if (items === undefined) return [...value];
  return value.map((item, index) => visit(items, item, `${path}[${index}]`, context)).filter((item) => item !== ABSENT);
}

function scaled(parsed: number | undefined, wanted: string, at: { value: unknown; path: string; context: NormaliseContext }): unknown {
  if (parsed !== undefined) return parsed;
  at.context.problem({ key: at.path, found: describeValue(at.path, at.value), wanted });
  return ABSENT;
}

/** As forgiving as Python: numbers where texts are wanted, texts that look like numbers or booleans where those are. */
function coerce(node: SchemaNode, value: unknown): unknown {
  const types = typesOf(node);
  if (node.enum !== undefined && value === false && node.enum.includes("off")) return "off";
  if (node.enum?.includes(value as string) === true) return value;
  if (typeof value === "number" && types.includes("string") && !types.includes("number")) return String(value);
  if (typeof value !== "string") return value;
  if ((types.includes("integer") || types.includes("number")) && /^\s*-?\d+(\.\d+)?([eE][-+]?\d+)?\s*$/.test(value)) return Number(value);
  if (types.includes("boolean") && /^(true|yes|on)$/i.test(value)) return true;
  if (types.includes("boolean") && /^(false|no|off)$/i.test(value)) return false;
  return value;
}

/** Says what became of a key that no longer has an effect. Those which legacy.ts moved have been reported there. */
function retired(node: SchemaNode, value: unknown, path: string, context: NormaliseContext): void {
  const advice = node["x-warning"];
  if (node["x-status"] === "refused" && isRefused(node, value))
    context.problem({ key: path, wanted: `no longer supported: ${advice ?? "remove it"}` });
  if (node["x-status"] === "ignored" && advice !== undefined) context.warn({ key: path, wanted: `has no effect: ${advice}` });
  if (node["x-status"] === "removed") context.warn({ key: path, wanted: `has no effect: ${removal(node, advice)}` });
}

function removal(node: SchemaNode, advice: string | undefined): string {
  const replacement = node["x-replacedBy"];
  if (replacement === undefined) return advice ?? "it was removed";
  return advice === undefined ? `replaced by ${replacement}` : `${advice} (see ${replacement})`;
}

function isRefused(node: SchemaNode, value: unknown): boolean {
  const when = node["x-refusedWhen"];
  if (when === undefined) return true;
  if (when === null || typeof when !== "object") return value === when;
  const given = value as Mapping | null;
  return typeof given === "object" && given !== null && Object.entries(when).every(([key, wanted]) => given[key] === wanted);
}

function typesOf(node: SchemaNode | undefined): readonly string[] {
  if (node?.type === undefined) return [];
  return typeof node.type === "string" ? [node.type] : node.type;
}
