import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { JsonValue } from "../lib/json";

/**
 * What becomes of a key: honoured (absent); ignored; legacy (moved to `x-replacedBy`); converted (likewise, by code in
 * legacy.ts); removed (dropped with a warning); refused (an error).
 */
export type KeyStatus = "ignored" | "legacy" | "converted" | "removed" | "refused";

/** JSON Schema, as far as schemas/*.json use it, with our own keywords. */
export interface SchemaNode {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly JsonValue[];
  readonly default?: JsonValue;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  /** Milliseconds, or a text such as "5m". */
  readonly "x-duration"?: boolean;
  /** Bytes, or a text such as "50M". */
  readonly "x-size"?: boolean;
  /** A single value stands for a list of one. */
  readonly "x-list"?: boolean;
  readonly "x-status"?: KeyStatus;
  /** The key that took its place. */
  readonly "x-replacedBy"?: string;
  /** A legacy boolean that means the opposite of its replacement. */
  readonly "x-negate"?: boolean;
  /** A refused key is refused only with this value, or when it is a mapping with this entry. */
  readonly "x-refusedWhen"?: JsonValue;
  readonly "x-warning"?: string;
  /** Name of the TypeScript interface. */
  readonly "x-type"?: string;
  /** Always present after loading, although there is no fixed default. */
  readonly "x-computed"?: boolean;
  /** This key names the file that holds the value of that sibling. */
  readonly "x-secretFor"?: string;
  /** The secret file is made when it does not exist. */
  readonly "x-createIfMissing"?: boolean;
  /** The same shape as that top-level key. */
  readonly "x-sameAs"?: string;
  /** Synapse's version that brought it. */
  readonly "x-since"?: string;
}

export interface SchemaSection {
  readonly title: string;
  readonly "x-order": number;
  readonly properties: Readonly<Record<string, SchemaNode>>;
}

export interface ConfigSchema {
  /** In the order of the sample file. */
  readonly sections: readonly SchemaSection[];
  /** All sections as one schema of the whole file. */
  readonly root: SchemaNode & { readonly properties: Readonly<Record<string, SchemaNode>> };
}

/** The folder `schemas` of the package, seen from src/config and from dist/bundle alike. */
const directory = join(__dirname, "..", "..", "schemas");

/** Reads schemas/*.json. */
export function loadSchema(): ConfigSchema {
  const sections = readdirSync(directory)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(directory, file), "utf8")) as SchemaSection)
    .sort((a, b) => a["x-order"] - b["x-order"]);
  const all: Record<string, SchemaNode> = {};
  for (const section of sections) Object.assign(all, section.properties);
  for (const [key, node] of Object.entries(all)) {
    const model = node["x-sameAs"] === undefined ? undefined : all[node["x-sameAs"]];
    if (model !== undefined) all[key] = { ...model, ...node };
  }
  return { sections, root: { type: "object", required: ["server_name"], properties: all } };
}
