import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildConfig } from "../../../src/config/load";
import { sampleConfig } from "../../../src/config/sample";
import type { SchemaNode } from "../../../src/config/schema";
import { loadSchema } from "../../../src/config/schema";
import { parseYaml } from "../../../src/config/yaml";

const root = join(__dirname, "..", "..", "..");
const knownKeys = readFileSync(join(__dirname, "known-keys.txt"), "utf8").trim().split("\n");

/** Whether the schema says anything about a path such as `listeners[].resources[].names`. */
function isKnown(path: string): boolean {
  let node: SchemaNode | undefined = loadSchema().root;
  for (const part of path.replace(/=.*/, "").replaceAll("[]", ".[]").split(".")) {
    if (node === undefined) return false;
    // what lies within a key that is gone, or free for all, needs no word of its own
    if (node["x-status"] !== undefined || node.additionalProperties === true) return true;
    if (part === "[]") node = node.items ?? node;
    else if (part === "*") node = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
    else node = node.properties?.[part] ?? (typeof node.additionalProperties === "object" ? node.additionalProperties : undefined);
  }
  return node !== undefined;
}

test("every key of Synapse is known", () => {
  expect(knownKeys.length).toBeGreaterThan(780);
  expect(knownKeys.filter((key) => !isKnown(key))).toEqual([]);
});

test("the list of keys is complete", () => {
  const reference = join(root, "..", "shared", "reference", "config-options.tsv");
  if (!existsSync(reference)) return;
  const keys = readFileSync(reference, "utf8")
    .trim()
    .split("\n")
    .slice(2)
    .map((line) => line.split("\t")[0]);
  expect(knownKeys).toEqual(keys);
});

function eachNode(visit: (path: string, node: SchemaNode) => void): void {
  const walk = (path: string, node: SchemaNode): void => {
    visit(path, node);
    for (const [key, child] of Object.entries(node.properties ?? {})) walk(`${path}.${key}`, child);
    if (node.items !== undefined) walk(`${path}[]`, node.items);
    if (typeof node.additionalProperties === "object") walk(`${path}.*`, node.additionalProperties);
  };
  for (const [key, node] of Object.entries(loadSchema().root.properties)) walk(key, node);
}

test("every retired key says what to do instead, or is meant to be silent", () => {
  const mute: string[] = [];
  eachNode((path, node) => {
    const status = node["x-status"];
    if (status === undefined || status === "ignored") return;
    if (node["x-replacedBy"] === undefined && node["x-warning"] === undefined) mute.push(path);
  });
  expect(mute).toEqual([]);
});

test("every honoured key is described", () => {
  const bare: string[] = [];
  eachNode((path, node) => {
    if (!path.endsWith("[]") && !path.endsWith("*") && (node.description ?? "") === "") bare.push(path);
  });
  expect(bare).toEqual([]);
});

test("types.generated.ts is up to date", () => {
  execFileSync(process.execPath, [join(root, "scripts", "generate-config-types.js"), "--check"]);
});

test("the sample with nothing uncommented is the default configuration", () => {
  const { value } = parseYaml(sampleConfig(new Map([["server_name", "server_name: a.example\n"]])), "sample");
  expect(value).toEqual({ server_name: "a.example" });
});

test("the sample says the truth about defaults", () => {
  const text = sampleConfig(new Map([["server_name", "server_name: a.example\n"]]));
  const uncommented = text.replace(/^#(?! |#)/gm, "").replace(/^#( {2,}(- )?[\w.:'"])/gm, "$1");
  const { value, problem } = parseYaml(uncommented, "sample");
  expect(problem).toBeUndefined();
  const sample = value as Record<string, unknown>;
  expect(Object.keys(sample).length).toBeGreaterThan(200);
  // blocks without a default mean something by being there
  for (const key of ["email", "saml2_config", "user_consent", "server_notices", "rc_admin_redaction", "third_party_event_rules"])
    delete sample[key];
  delete (sample["redis"] as Record<string, unknown>)["sentinel"];
  const fromSample = buildConfig([{ file: "", values: sample }]);
  const fromNothing = buildConfig([], { overrides: { server_name: "a.example" } });
  expect(fromSample.warnings).toEqual(fromNothing.warnings);
  // an empty default_policy is not a policy
  const { default_policy: _, ...retention } = fromSample.config.retention;
  expect({ ...fromSample.config, retention }).toEqual(fromNothing.config);
});
