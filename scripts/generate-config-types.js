// Writes src/config/types.generated.ts from schemas/*.json. With --check it only says whether the file is up to date.
const { readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");

const root = join(__dirname, "..");
const target = join(root, "src", "config", "types.generated.ts");
const notInConfig = new Set(["ignored", "legacy", "converted", "removed", "refused"]);

function readSections() {
  const directory = join(root, "schemas");
  return readdirSync(directory)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(directory, file), "utf8")))
    .sort((a, b) => a["x-order"] - b["x-order"]);
}

const pascal = (name) => name.replace(/(^|_)([a-z0-9])/g, (_, __, letter) => letter.toUpperCase());

function generate() {
  const interfaces = new Map();
  const all = Object.assign({}, ...readSections().map((section) => section.properties));

  function typeOf(node, name) {
    if (node["x-sameAs"]) return typeOf(all[node["x-sameAs"]], name);
    if (node.enum)
      return node.enum
        .map((value) => JSON.stringify(value))
        .join(" | ")
        .replace("true | false", "boolean");
    if (node.anyOf) return node.anyOf.map((option) => typeOf(option, name)).join(" | ");
    const types = Array.isArray(node.type) ? node.type : [node.type];
    return types.map((type) => singleType(type, node, name)).join(" | ");
  }

  function singleType(type, node, name) {
    if (type === "integer" || type === "number") return "number";
    if (type === "boolean" || type === "string" || type === "null") return type;
    if (type === "array") {
      const item = typeOf(node.items, name + "Item");
      return item.includes(" | ") ? `readonly (${item})[]` : item.startsWith("readonly ") ? `readonly (${item})[]` : `readonly ${item}[]`;
    }
    if (type !== "object") throw new Error(`${name}: no type`);
    if (node.properties) return objectType(node, node["x-type"] ?? name + "Config");
    if (node.additionalProperties === true) return "JsonObject";
    return `{ readonly [key: string]: ${typeOf(node.additionalProperties, name + "Entry")} }`;
  }

  function objectType(node, name) {
    const free = node.additionalProperties === true ? "  readonly [key: string]: unknown;\n" : "";
    const body = members(node, name.replace(/Config$/, "")) + free;
    const known = interfaces.get(name);
    if (known !== undefined && known.replace(/\/\*\*.*\n/g, "") !== body.replace(/\/\*\*.*\n/g, ""))
      throw new Error(`two interfaces ${name}`);
    if (known === undefined) interfaces.set(name, body);
    return name;
  }

  function members(node, prefix) {
    let text = "";
    for (const [key, child] of Object.entries(node.properties)) {
      if (notInConfig.has(child["x-status"]) || child["x-secretFor"]) continue;
      const source = child["x-sameAs"] ? { ...all[child["x-sameAs"]], ...child } : child;
      const given = "default" in source || source["x-computed"] || (node.required ?? []).includes(key);
      text += `  /** ${comment(source)} */\n  readonly ${key}${given ? "" : "?"}: ${typeOf(child, prefix + pascal(key))};\n`;
    }
    return text;
  }

  interfaces.set("ConfigValues", "");
  interfaces.set("ConfigValues", members({ properties: all, required: ["server_name"] }, ""));
  const blocks = [...interfaces].map(([name, body]) => `export interface ${name} {${body && `\n${body}`}}\n`);
  return `// Made from schemas/*.json by scripts/generate-config-types.js. Do not edit.\nimport type { JsonObject } from "../lib/json";\n\n${blocks.join("\n")}`;
}

function comment(node) {
  const notes = [];
  if (node["x-duration"]) notes.push("Milliseconds.");
  if (node["x-size"]) notes.push("Bytes, or a plain number.");
  const described = (node.description ?? "").replace(/\*\//g, "* /");
  return [described.endsWith(".") || described === "" ? described : `${described}.`, ...notes].filter((part) => part !== "").join(" ");
}

const text = generate();
if (process.argv.includes("--check")) {
  const current = readFileSync(target, "utf8");
  if (current !== text) {
    process.stderr.write("src/config/types.generated.ts is stale: run node scripts/generate-config-types.js\n");
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
