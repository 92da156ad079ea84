import { boolCoreTag, defineScalarTag, load, NOT_RESOLVED, Schema, timestampTag, YAML11_SCHEMA, YAMLException } from "js-yaml";
import type { ConfigProblem } from "./problems";

const TRUE = new Set(["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"]);
const FALSE = new Set(["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"]);

/** As PyYAML has it: unlike YAML 1.1, a lone y or n is a text. */
const pythonBool = defineScalarTag<boolean>(boolCoreTag.tagName, {
  implicit: true,
  implicitFirstChars: [..."yYnNtTfFoO"],
  resolve: (source) => (TRUE.has(source) ? true : FALSE.has(source) ? false : NOT_RESOLVED),
  identify: (value) => typeof value === "boolean",
});

/** Dates stay texts: nothing in the configuration is a date, and versions of consent forms look like dates. */
const python = new Schema(YAML11_SCHEMA.tags.filter((tag) => tag.tagName !== timestampTag.tagName)).withTags(pythonBool);

export interface ParsedYaml {
  /** Undefined when the file cannot be read as YAML, which `problem` describes, and when it is empty. */
  readonly value: unknown;
  readonly problem?: ConfigProblem;
  readonly warning?: ConfigProblem;
}

/** Reads YAML as PyYAML reads it: version 1.1 with merge keys, and the last of two equal keys wins, with a warning. */
export function parseYaml(text: string, file: string): ParsedYaml {
  try {
    return { value: load(text, { schema: python }) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    if (error.reason.startsWith("expected a document")) return { value: undefined };
    const problem = { file: file + position(error), key: "", wanted: `not valid YAML: ${error.reason}` };
    if (!error.reason.startsWith("duplicated mapping key")) return { value: undefined, problem };
    return withDuplicates(text, file, problem);
  }
}

function withDuplicates(text: string, file: string, duplicate: ConfigProblem): ParsedYaml {
  try {
    const value = load(text, { schema: python, json: true });
    return { value, warning: { ...duplicate, wanted: "the same key stands twice; the last one counts" } };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    return { value: undefined, problem: { file: file + position(error), key: "", wanted: `not valid YAML: ${error.reason}` } };
  }
}

function position({ mark }: YAMLException): string {
  return mark === undefined ? "" : `, line ${mark.line + 1}, column ${mark.column + 1}`;
}
