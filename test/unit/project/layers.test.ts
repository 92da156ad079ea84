import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root, sourcesBelow, walk } from "./source";
import type { Source } from "./source";

/** Layers from the bottom up, read from the table in docs/architecture.md, so that it cannot grow stale. */
function readLayers(): string[][] {
  const text = readFileSync(join(root, "docs", "architecture.md"), "utf8");
  const paragraph = text.split("\n\n").find((part) => part.includes("←") && part.startsWith("`lib`"));
  if (paragraph === undefined) throw new Error("docs/architecture.md has no table of layers");
  const [chain = ""] = paragraph.split(". ");
  return chain.split("←").map((layer) => [...layer.matchAll(/`([^`]+)`/g)].flatMap(([, names = ""]) => names.split(/, */)));
}

/** npm packages and where they may be used; a package that isn't listed has no home yet. */
const homes: Readonly<Record<string, readonly string[]>> = {
  "@aws-sdk/client-s3": ["remote"],
  ajv: ["lib", "config"],
  bcrypt: ["handlers"],
  commander: ["cli"],
  express: ["rest", "server"],
  "ipaddr.js": ["remote"],
  "js-yaml": ["config"],
  "lru-cache": ["lib", "caches", "remote", "writers", "handlers"],
  htmlparser2: ["handlers"],
  "minijinja-js": ["handlers"],
  nodemailer: ["remote"],
  postgres: ["storage"],
  "prom-client": ["observe"],
  re2js: ["config"],
  redis: ["replication"],
  sharp: ["handlers"],
  undici: ["remote", "replication", "cli"],
  winston: ["observe"],
};

const sources = sourcesBelow("src");
const layers = readLayers();
const rank = new Map(layers.flatMap((names, i) => names.map((name) => [name, i] as const)));
const layerOf = (file: string): string => file.split("/", 1)[0]?.replace(/\.ts$/, "") ?? "";
const place = ({ tree, file }: Source, node: ts.Node): string =>
  `${file}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}`;

function findNodes(where: (source: Source) => boolean, test: (node: ts.Node) => boolean): string[] {
  const found: string[] = [];
  for (const source of sources.filter(where)) walk(source.tree, (node) => void (test(node) && found.push(place(source, node))));
  return found;
}

test("every file belongs to a layer", () => {
  expect(layers.length).toBeGreaterThan(10);
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.map(({ file }) => file).filter((file) => !rank.has(layerOf(file)))).toEqual([]);
});

test("a file imports only its own folder and layers below", () => {
  const breaches = sources.flatMap(({ file, imports }) => {
    const own = layerOf(file);
    return imports.flatMap((target) => {
      if (target.file === undefined || layerOf(target.file) === own) return [];
      const isBelow = (rank.get(layerOf(target.file)) ?? Infinity) < (rank.get(own) ?? 0);
      return isBelow ? [] : [`${file} imports ${target.file}`];
    });
  });
  expect(breaches).toEqual([]);
});

test("npm packages are used where they belong", () => {
  const breaches = sources.flatMap(({ file, imports }) =>
    imports
      .filter(({ name }) => !name.startsWith(".") && !name.startsWith("node:"))
      .filter(({ name }) => !homes[name]?.includes(layerOf(file)))
      .map(({ name }) => `${file} uses ${name}`),
  );
  expect(breaches).toEqual([]);
});

test("no file needs itself, through others, to be loaded", () => {
  const targets = new Map(
    sources.map(({ file, imports }) => [file, imports.flatMap((target) => (target.isType || !target.file ? [] : [target.file]))]),
  );
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") return void cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    state.set(file, "open");
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    state.set(file, "done");
  };
  for (const { file } of sources) visit(file, []);
  expect(cycles).toEqual([]);
});

test("SQL is in storage/ only", () => {
  const isSql = (node: ts.Node): boolean => {
    if (ts.isTaggedTemplateExpression(node)) return !["String.raw"].includes(node.tag.getText());
    return ts.isPropertyAccessExpression(node) && node.name.text === "unsafe";
  };
  expect(findNodes(({ file }) => layerOf(file) !== "storage", isSql)).toEqual([]);
});

test("rooms/ computes and nothing else", () => {
  const inRooms = ({ file }: Source): boolean => layerOf(file) === "rooms";
  const impure = ["Promise", "performance", "process", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "console", "fetch"];
  const isImpure = (node: ts.Node): boolean =>
    node.kind === ts.SyntaxKind.AsyncKeyword ||
    ts.isAwaitExpression(node) ||
    (ts.isIdentifier(node) && impure.includes(node.text) && !(ts.isPropertyAccessExpression(node.parent) && node.parent.name === node));
  expect(findNodes(inRooms, isImpure)).toEqual([]);
  const imported = sources
    .filter(inRooms)
    .flatMap(({ file, imports }) => imports.map(({ name, file: target }) => ({ file, name: target ?? name })));
  const allowed = (name: string): boolean => !name.startsWith("node:") || name === "node:crypto" || name === "node:buffer";
  expect(imported.filter(({ name }) => !allowed(name) || ["lib/clock.ts", "lib/random.ts"].includes(name))).toEqual([]);
});

test("what is imported stands in the file it is imported from", () => {
  expect(sources.filter(({ file }) => /(^|\/)index\.ts$/.test(file)).map(({ file }) => file)).toEqual([]);
  expect(
    findNodes(
      () => true,
      (node) => ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined,
    ),
  ).toEqual([]);
});
