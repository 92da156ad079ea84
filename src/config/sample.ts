import { dump } from "js-yaml";
import type { SchemaNode } from "./schema";
import { loadSchema } from "./schema";

const WIDTH = 100;

/**
 * A homeserver.yaml with every key that has an effect, each with its description. Keys in `values` are set to the YAML
 * text given there; the others are comments that show their defaults.
 */
export function sampleConfig(values: ReadonlyMap<string, string>): string {
  const blocks: string[] = [];
  for (const section of loadSchema().sections) {
    blocks.push(`## ${section.title} ##\n`);
    for (const [key, node] of Object.entries(section.properties)) {
      if (node["x-status"] !== undefined || node["x-sameAs"] !== undefined) continue;
      const text = values.get(key);
      blocks.push(text === undefined ? asComment(renderKey(key, node, "")) : asComment(wrap(node, "")) + text);
    }
  }
  return blocks.join("\n");
}

/** Descriptions are comments within the comment: the key itself loses one `#` when it is put to use. */
function asComment(lines: readonly string[]): string {
  return lines.map((line) => `#${line}\n`).join("");
}

function renderKey(key: string, node: SchemaNode, indent: string): string[] {
  const description = wrap(node, indent);
  const children = Object.entries(node.properties ?? {}).filter(([, child]) => child["x-status"] === undefined);
  if (children.length === 0) return [...description, ...renderValue(key, node, indent)];
  return [...description, `${indent}${key}:`, ...children.flatMap(([name, child]) => renderKey(name, child, `${indent}  `))];
}

function renderValue(key: string, node: SchemaNode, indent: string): string[] {
  const value = node.default ?? null;
  const text = dump({ [key]: value }, { lineWidth: -1, flowLevel: Array.isArray(value) ? 2 : 1 });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => indent + line);
}

function wrap(node: SchemaNode, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of (node.description ?? "").split(" ")) {
    if (line !== "" && indent.length + line.length + word.length > WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].filter((text) => text !== "").map((text) => (indent === "" ? ` ${text}` : `${indent}# ${text}`));
}
